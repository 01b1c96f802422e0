"""A chat LLM behind an OpenAI-compatible server (vLLM, SGLang, llama.cpp, Ollama, a hosted one).

An LLM's name that begins with http:// or https:// is a server's: `http://localhost:8000/v1#model-name`.
Requests are plain HTTP of Python's own library, each in a thread.
"""

import json
import os
import random
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from itertools import islice
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from drama.console import note
from drama.errors import DramaError
from drama.llm.chat import Sampling, Usage
from drama.llm.pace import Pace
from drama.llm.prompt import Messages
from drama.settings import Section

KEY_VARIABLE = "DRAMA_LLM_API_KEY"
"""The environment variable that holds the server's API key. Keys stand nowhere else."""

NonNegative = Annotated[float, Field(ge=0)]
_OF_THE_PROMPT = {400, 413, 422}
"""Status of a request that is too long, or that a filter does not let through."""
_REFUSALS = 8
"""So many prompts a server may refuse before it has answered more: else it is not the prompts."""
_PASSING = {408, 425, 429, 500, 502, 503, 504, 529}
_LONGEST_WAIT = 600.0
_LONGEST_BACKOFF = 60.0
_SHOWN = 300


class ServerSettings(Section):
    """How a server is asked."""

    concurrency: int = Field(default=8, ge=1)
    """Requests at once."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """None is no limit of ours; the server's own (429) is kept to in any case."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds without a byte from the server until a request counts as failed."""
    retries: int = Field(default=5, ge=0)
    """After a time-out, a broken connection, or status 408, 425, 429, 500, 502, 503, 504, 529."""
    backoff: float = Field(default=1.0, ge=0)
    """Seconds before the first retry; they double each time. A longer Retry-After is waited for."""
    prices: tuple[NonNegative, NonNegative] | None = None
    """Of a million tokens of prompts, and of answers, in any currency: the figures then hold the `cost`."""


class ServerAddress(NamedTuple):
    """Where a server is, and which of its models is meant."""

    url: str
    model: str


def is_server(name: str) -> bool:
    """Whether an LLM's name is a server's address.

    >>> is_server("http://localhost:8000/v1#qwen"), is_server("smollm2-135m")
    (True, False)
    """
    return name.startswith(("http://", "https://"))


def server_address(name: str) -> ServerAddress:
    """Take an address apart.

    >>> server_address("http://localhost:8000/v1/#Qwen/Qwen3-8B")
    ServerAddress(url='http://localhost:8000/v1', model='Qwen/Qwen3-8B')

    Raises:
        DramaError: no host, no model, or a key or password in the address.
    """
    try:
        parts = urlsplit(name)
        host, _ = parts.hostname, parts.port
    except ValueError:
        hint = "like http://localhost:8000/v1#model-name"
        raise DramaError("the address of the LLM is no valid URL", hint) from None
    if parts.username or parts.password or parts.query:
        raise DramaError(
            f"http address of an LLM at {host}: no key, password or query may stand in it",
            hint=f"put the key into the environment variable {KEY_VARIABLE}",
        )
    if not host or not parts.fragment:
        raise DramaError(
            f"{name}: names no model of a server", hint="like http://localhost:8000/v1#model-name"
        )
    return ServerAddress(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", parts.fragment)


class Server:
    """A chat LLM behind a server; see `ChatModel`. An answer depends on its own prompt only."""

    def __init__(self, name: str, settings: ServerSettings | None = None) -> None:
        self.name = name
        self.address = server_address(name)
        self.settings = settings or ServerSettings()
        self.usage = Usage(prices=self.settings.prices)
        self._lock = threading.Lock()
        self._answers = self._refusals = 0
        self._opener = urllib.request.build_opener(_NoRedirect)

    @property
    def identity(self) -> str:
        """The address and the model's name: what stands behind them can't be seen from here."""
        return f"{self.address.url}#{self.address.model}"

    def fits(self, prompt: Messages) -> bool:
        """Always: only the server knows, and refuses (see `generate`)."""
        return True

    def together(self, batch_size: int) -> int:
        """Each answer is its own request's."""
        return 1

    def generate(
        self, prompts: Sequence[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[str | None]]:
        """Yield the answers of each batch, in the order of the prompts; `concurrency` requests run at once.

        None is the answer to a prompt that the server refuses (status 400, 413 or 422).

        Raises:
            DramaError: the server refuses every prompt, or more than it answers; it fails more often than
                `retries`; or it answers something that is no chat completion.
        """
        stop = threading.Event()
        pace = Pace(60.0 / rate if (rate := self.settings.requests_per_minute) else 0.0, stop)
        todo = iter(prompts)
        running: deque[Future[str | None]] = deque()
        pool = ThreadPoolExecutor(self.settings.concurrency)

        def start(n: int) -> None:
            for prompt in islice(todo, n):
                running.append(pool.submit(self._answer, prompt, sampling, seed, pace, stop))

        try:
            start(2 * self.settings.concurrency)  # no worker waits while one slow answer holds up the order
            batch: list[str | None] = []
            while running:
                batch.append(running.popleft().result())
                start(1)
                if len(batch) == batch_size:
                    yield batch
                    batch = []
            if batch:
                yield batch
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _answer(
        self, prompt: Messages, sampling: Sampling, seed: int, pace: Pace, stop: threading.Event
    ) -> str | None:
        body: dict[str, Any] = {
            "model": self.address.model,
            "messages": prompt,
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "seed": seed,
        }
        if sampling.temperature > 0:
            body["top_p"] = sampling.top_p
        wait, why = 0.0, ""
        for attempt in range(self.settings.retries + 1):
            if attempt:
                with self._lock:
                    self.usage.retries += 1
                stop.wait(wait)
            pace.wait_turn()
            if stop.is_set():
                return ""  # nobody waits for it
            try:
                return self._read(self._post(body))
            except _RefusedError as refusal:
                self._leave_out(refusal.why)
                return None
            except _PassingError as failure:
                why = failure.why
                backoff = min(_LONGEST_BACKOFF, self.settings.backoff * 2**attempt)
                wait = max(failure.wait, backoff * random.uniform(0.75, 1.25))
                if failure.wait > 0:
                    pace.hold(failure.wait)
        raise DramaError(
            f"{self.address.url}: no answer after {self.settings.retries + 1} tries ({why})",
            hint="is the server up? Answers so far are kept: start again to go on",
        )

    def _leave_out(self, why: str) -> None:
        """Count a prompt that the server does not take."""
        with self._lock:
            self._refusals += 1
            refused, answered = self._refusals, self._answers
        if refused == 1:
            note(f"{self.address.url}: refuses a prompt, which is left out and counted ({why})")
        if refused > max(_REFUSALS, answered):
            raise DramaError(
                f"{self.address.url}: refused {refused} prompts and answered {answered} ({why})",
                hint="does it know this model, and these settings? Answers so far are kept",
            )

    def _post(self, body: dict[str, Any]) -> bytes:
        headers = {"Content-Type": "application/json", "User-Agent": "drama"}
        if key := os.environ.get(KEY_VARIABLE):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(
            f"{self.address.url}/chat/completions", json.dumps(body).encode(), headers, method="POST"
        )
        with self._lock:
            self.usage.requests += 1
        try:
            with self._opener.open(request, timeout=self.settings.timeout) as response:
                data: bytes = response.read()
                return data
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise DramaError(f"{self.address.url}: its certificate is not trusted ({reason})") from None
            raise _PassingError(f"{type(reason).__name__}: {reason}") from None

    def _refused(self, error: urllib.error.HTTPError) -> Exception:
        try:
            said = error.read(4096).decode("utf-8", "replace")
        except (OSError, HTTPException):
            said = ""
        why = f"status {error.code}: {' '.join(said.split())[:_SHOWN] or error.reason}"
        if error.code in _OF_THE_PROMPT:
            return _RefusedError(why)
        if error.code not in _PASSING:
            hints = {
                401: f"put the key into the environment variable {KEY_VARIABLE}",
                403: f"put the key into the environment variable {KEY_VARIABLE}",
                404: "the address ends before /chat/completions, often in /v1; check the model's name too",
            }
            return DramaError(f"{self.address.url}: {why}", hint=hints.get(error.code, ""))
        wait = retry_after(error.headers)
        if wait > _LONGEST_WAIT:
            return DramaError(
                f"{self.address.url}: asks to wait {wait:.0f} seconds ({why})",
                hint="start again later; answers so far are kept",
            )
        return _PassingError(why, wait)

    def _read(self, data: bytes) -> str:
        try:
            reply = json.loads(data)
            content = reply["choices"][0]["message"].get("content")
            usage = reply.get("usage") or {}
            counts = [int(usage.get(k) or 0) for k in ("prompt_tokens", "completion_tokens")]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise DramaError(
                f"{self.address.url}: answered something that is no chat completion "
                f"({data[:_SHOWN].decode('utf-8', 'replace')!r})",
                hint="the address ends before /chat/completions, often in /v1",
            ) from None
        with self._lock:
            self._answers += 1
            self.usage.prompt_tokens += counts[0]
            self.usage.completion_tokens += counts[1]
        return content.strip() if isinstance(content, str) else ""


class _PassingError(Exception):
    """A failure that may pass; the server may say how long to wait."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.why, self.wait = why, wait


class _RefusedError(Exception):
    """The server does not take this prompt; another one it may."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: the redirect's status becomes the error."""
        return


def retry_after(headers: Message) -> float:
    """Seconds that a Retry-After header asks for, as a number or as a date; 0 where there is none.

    >>> message = Message(); message["Retry-After"] = "2.5"; retry_after(message)
    2.5
    """
    text = headers.get("Retry-After", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (when.astimezone(UTC) - datetime.fromtimestamp(time.time(), UTC)).total_seconds())
