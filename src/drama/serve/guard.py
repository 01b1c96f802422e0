"""What stands before every route: the key, limits of size and number, one line in the log, counters."""

import asyncio
import hmac
import json
import sys
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drama.serve.limits import Limits
from drama.serve.metrics import Metrics
from drama.serve.replies import problem

_OPEN = ("/health", "/", "/page.css", "/page.js", "/openapi.json")
"""What needs no key: none of them shows a document."""


class Guard:
    """Middleware. Reads a body whole before the route begins, so that a slow client holds up nobody.

    Args:
        app: what answers.
        limits: see there.
        metrics: where requests are counted.
        key: the API key; None lets everybody in.
        log: one JSON line per request on stderr, without texts or keys.
    """

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics, key: str | None, log: bool) -> None:
        self._app, self._limits, self._metrics, self._log = app, limits, metrics, log
        self._key = None if key is None else key.encode()
        self._held = self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        refused = self._refusal(scope)
        held = _Held()
        self._held += 1
        self._metrics.held.set(self._held)
        try:
            if refused is None:
                refused = await self._read(receive, held)
            if refused is None:
                await self._app(scope, held.receive, watched)
            else:
                await refused(scope, receive, watched)
        finally:
            self._held -= 1
            self._bytes -= held.size
            self._metrics.held.set(self._held)
            self._count(scope, status, time.perf_counter() - begin)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request is not even read."""
        headers, path = Headers(scope=scope), scope["path"]
        if self._key is not None and path not in _OPEN:
            given = headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, b"Bearer " + self._key):
                return problem(401, "a wrong API key, or none: send Authorization: Bearer KEY")
        if path != "/health" and self._held >= self._limits.requests:
            return problem(429, "too many requests at once", code="rate_limit_exceeded", retry=1)
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._limits.body:
            return self._too_large()
        return None

    async def _read(self, receive: Receive, held: "_Held") -> Response | None:
        """Read the body; why not, where it is too large or too slow."""
        try:
            async with asyncio.timeout(self._limits.seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return problem(400, "the client went away")
                    part = message.get("body", b"")
                    more = message.get("more_body", False)
                    held.add(part)
                    self._bytes += len(part)
                    if held.size > self._limits.body:
                        return self._too_large()
                    if self._bytes > self._limits.bytes_held:
                        return problem(429, "too much is waiting", code="rate_limit_exceeded", retry=1)
        except TimeoutError:
            return problem(408, f"the request did not arrive within {self._limits.seconds:g} s")
        held.original = receive
        return None

    def _too_large(self) -> Response:
        return problem(413, f"the request is larger than {self._limits.body:,} bytes; send several")

    def _count(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if self._log:
            line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "method": scope["method"]}
            line |= {"route": route, "status": status, "ms": round(1000 * seconds, 1)}
            print(json.dumps(line), file=sys.stderr, flush=True)


class _Held:
    """A body that has been read."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0
        self.original: Receive | None = None
        self._given = False

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self.size += len(part)

    async def receive(self) -> Message:
        """What the route reads: the body once, then what the connection says."""
        if self._given and self.original is not None:
            return await self.original()
        self._given = True
        body = b"".join(self._parts)
        self._parts.clear()
        return {"type": "http.request", "body": body, "more_body": False}
