"""A connection to an OpenAI-compatible server: how requests are sent, waited for, and tried again.

Chat (`drama.llm.client`) and embeddings (`drama.retriever.server`) share it.
"""

import os
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

from drama.console import note
from drama.errors import DramaError
from drama.files.reading import parse_json
from drama.servers.pace import Pace
from drama.servers.reply import described_model, retry_after
from drama.servers.settings import ServerSettings

T = TypeVar("T")
_REFUSED = {400, 413, 422}
"""Status of a request that is too long, or that a filter rejects."""
_TOO_MANY = 429
_DOWN = {502, 503, 529}
"""Status of a server that is not there, or has no room: no request's fault."""
_FAILED = {408, 425, 500, 504}
_LONGEST_BACKOFF = 60.0
_ABOUT_MODELS = 10.0
"""Seconds that a server has to list its models."""
_SHOWN = 300
"""Characters of a server's words that a message repeats."""
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
_KEPT = "answers so far are kept: start again to resume"


class FailedError(Exception):
    """A request failed at the server; a retry may get past it."""


class RefusedError(Exception):
    """The server refuses this request (status 400, 413, 422), and would again."""


class WaitError(Exception):
    """The server takes no request now; it may say how many seconds to wait."""

    def __init__(self, why: str, wait: float = 0.0, too_many: bool = False) -> None:
        super().__init__(why)
        self.wait, self.too_many = wait, too_many


class Connection:
    """A server as one stage talks to it, in any number of threads.

    Args:
        url: of the server, without the path of a request.
        path: of the requests, such as `chat/completions`.
        key_variable: the environment variable that holds the key; without one no key is sent.
        settings: how requests are sent.
        what: what an answer is, for messages.
    """

    def __init__(self, url: str, path: str, key_variable: str, settings: ServerSettings, what: str) -> None:
        self.url, self.path, self.settings = url, path, settings
        self.hint = f"the address ends before /{path}, often in /v1"
        self.requests = self.retries = 0
        self._key_variable, self._what = key_variable, what
        self._lock = threading.Lock()
        self._last_answer = 0.0
        self._noted: set[str] = set()

    def pace(self) -> Pace:
        """The pace that the settings allow."""
        return Pace(60.0 / rate if (rate := self.settings.requests_per_minute) else 0.0)

    def open(self) -> httpx.Client:
        """A client that never follows a redirect, which would carry the key to another host.

        Raises:
            DramaError: a key that can't be sent.
        """
        headers = {"User-Agent": "drama"}
        if key := os.environ.get(self._key_variable):
            if not (key.isascii() and key.isprintable()) or " " in key:
                raise DramaError(
                    f"the environment variable {self._key_variable} holds a character that no key has",
                    hint="such as white space or a line break at its end",
                )
            headers["Authorization"] = f"Bearer {key}"
        return httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(self.settings.timeout, pool=None),
            limits=httpx.Limits(max_connections=None),
            verify=ssl.create_default_context(),  # the certificates of this machine
            follow_redirects=False,
        )

    def described(self, model: str, must_answer: bool = False) -> str:
        """What the server's list of models says about one, as far as its name does not say it; empty where it
        lists none.

        Raises:
            DramaError: there is no connection, and the server `must_answer`.
        """
        try:
            with self.open() as http:
                response = http.get(f"{self.url}/models", timeout=_ABOUT_MODELS)
            return described_model(parse_json(response.text), model) if response.is_success else ""
        except httpx.TransportError as error:
            if must_answer:
                problem = f"no connection: {_NUMBER.sub('', self._safe(str(error)))}"
                raise DramaError(f"{self.url}: {problem}", hint="is the server up?") from None
            return ""
        except (httpx.HTTPError, ValueError):
            return ""

    def post(
        self, http: httpx.Client, body: Mapping[str, Any], pace: Pace, read: Callable[[str], T]
    ) -> T | None:
        """What `read` makes of the answer's text, after as many retries as it takes; None where `pace` was
        stopped and nobody waits for it.

        Raises:
            DramaError: the request fails more often than `retries`, the server answers nothing for `patience`
                minutes, or `read` raises ValueError.
            RefusedError: status 400, 413 or 422.
        """
        begin, wait = time.monotonic(), 0.0
        tries = failures = 0
        while pace.wait_turn(wait):
            sent = time.monotonic()
            with self._lock:
                self.requests += 1
                self.retries += tries > 0
            tries += 1
            backoff = min(_LONGEST_BACKOFF, self.settings.backoff * 2 ** min(tries - 1, 20))
            backoff *= random.uniform(0.75, 1.25)
            try:
                answer = self._send(http, body, read)
            except FailedError as error:
                failures += 1
                if failures > self.settings.retries:
                    raise DramaError(
                        f"{self.url}: no answer after {failures} tries ({error})",
                        hint=f"is the server well? {_KEPT}",
                    ) from None
                wait = backoff
            except WaitError as error:
                wait = self._patiently(begin, error, backoff, sent, pace)
            else:
                with self._lock:
                    self._last_answer = time.monotonic()
                pace.answered()
                return answer
        return None

    def _patiently(self, begin: float, error: WaitError, backoff: float, sent: float, pace: Pace) -> float:
        """Seconds that a request waits for a server that takes none now."""
        patience = 60 * self.settings.patience
        left = patience - (time.monotonic() - max(begin, self._last_answer))
        if left <= 0 or error.wait > left:
            asks = f"asks to wait {error.wait:.0f} seconds" if error.wait else "answers nothing"
            raise DramaError(
                f"{self.url}: {asks}, and server.patience is {self.settings.patience:g} minutes ({error})",
                hint=f"is the server up? {_KEPT[0].upper()}{_KEPT[1:]}",
            ) from None
        self._note_once(str(error))
        if error.too_many:
            pace.too_fast(sent, error.wait or min(self.settings.backoff, left))
            return 0.0
        pace.hold(error.wait)
        return min(backoff, left)

    def _note_once(self, why: str) -> None:
        kind = why.partition(":")[0]
        with self._lock:
            if kind in self._noted:
                return
            self._noted.add(kind)
        until = f"nothing has been answered for {self.settings.patience:g} minutes (server.patience)"
        note(f"{self.url}: {why}; tried again until {until}")

    def _send(self, http: httpx.Client, body: Mapping[str, Any], read: Callable[[str], T]) -> T:
        try:
            response = http.post(f"{self.url}/{self.path}", json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise DramaError(f"{self.url}: its certificate is not trusted ({error})") from None
            raise WaitError(f"no connection: {_NUMBER.sub('', str(error))}") from None
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise DramaError(f"{self.url}: {self._safe(str(error))}") from None
        except httpx.RequestError as error:
            raise FailedError(f"{type(error).__name__}: {self._safe(str(error))}") from None
        text = self._safe(response.content.decode("utf-8", "replace"))
        if not response.is_success:
            raise self._failure(response, text)
        try:
            return read(text)
        except ValueError:
            problem = f"the answer is not {self._what} ({text[:_SHOWN]!r})"
            raise DramaError(f"{self.url}: {problem}", self.hint) from None

    def _failure(self, response: httpx.Response, text: str) -> Exception:
        status = response.status_code
        why = f"status {status}: {' '.join(text.split())[:_SHOWN] or response.reason_phrase}"
        wait = retry_after(response.headers.get("Retry-After", ""), response.headers.get("Date", ""))
        if status in _REFUSED:
            return RefusedError(why)
        if status == _TOO_MANY:
            return WaitError(why, wait, too_many=True)
        if status in _DOWN:
            return WaitError(why, wait)
        if status in _FAILED:
            return FailedError(why)
        key = f"put the key into the environment variable {self._key_variable}"
        hints = {401: key, 403: key, 404: f"{self.hint}; check the model's name too"}
        return DramaError(f"{self.url}: {why}", hint=hints.get(status, ""))

    def _safe(self, text: str) -> str:
        """A server's words without the key, which it may repeat."""
        key = os.environ.get(self._key_variable)
        return text.replace(key, "…") if key else text
