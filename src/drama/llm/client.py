"""A client for OpenAI-compatible chat servers: vLLM, SGLang, llama.cpp, Ollama, hosted ones.

The address `http://localhost:8000/v1#model-name` names a server and its model. Each request runs in a thread.
"""

import os
import random
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Annotated, Any

import httpx
from pydantic import Field

from drama.console import note
from drama.errors import DramaError
from drama.llm.address import KEY_VARIABLE, server_address
from drama.llm.chat import ChatModel, Messages, Sampling, Usage
from drama.llm.pace import Pace
from drama.settings import Section

NonNegative = Annotated[float, Field(ge=0)]
_PROMPT_REFUSED = {400, 413, 422}
"""Status of a request that is too long, or that a filter rejects."""
_MOST_REFUSED = 8
"""If more prompts than this are refused, and more than are answered, something else is wrong."""
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504, 529}
_LONGEST_WAIT = 600.0
_LONGEST_BACKOFF = 60.0
_SHOWN = 300
_ADDRESS_HINT = "the address ends before /chat/completions, often in /v1"
_KEY_HINT = f"put the key into the environment variable {KEY_VARIABLE}"
_HINTS = {401: _KEY_HINT, 403: _KEY_HINT, 404: f"{_ADDRESS_HINT}; check the model's name too"}


class ServerSettings(Section):
    """How requests are sent to a server."""

    concurrency: int = Field(default=8, ge=1)
    """Requests at once."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """None sets no limit. The server's own limit (status 429) is always respected."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds without a byte from the server until a request counts as failed."""
    retries: int = Field(default=5, ge=0)
    """Retries after a time-out, a broken connection, or status 408, 425, 429, 500, 502, 503, 504, 529."""
    backoff: float = Field(default=1.0, ge=0)
    """Seconds before the first retry, doubled each time. A longer Retry-After is honoured."""
    prices: tuple[NonNegative, NonNegative] | None = None
    """Prices per million tokens of prompts and of answers, in any currency, for the figure `cost`."""


class TransientError(Exception):
    """A failure that a retry may get past; the server may say how many seconds to wait."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


class RefusedError(Exception):
    """The server does not accept this prompt; it may accept others."""


class ServerClient(ChatModel):
    """A chat LLM on a server. An answer depends only on its own prompt; only the server knows what fits."""

    def __init__(self, name: str, settings: ServerSettings | None = None) -> None:
        self.name = name
        self.url, self.model = server_address(name)
        self.settings = settings or ServerSettings()
        self.usage = Usage(prices=self.settings.prices)
        self._lock = threading.Lock()
        self._answered = self._refused = 0

    @property
    def identity(self) -> str:
        """The address and the model's name: the weights can't be seen from here."""
        return f"{self.url}#{self.model}"

    def generate(
        self, prompts: Sequence[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[str | None]]:
        """Yield the answers of each batch, in the order of the prompts; `concurrency` requests run at once.

        None is the answer to a prompt that the server refuses (status 400, 413 or 422).

        Raises:
            DramaError: the server refuses every prompt, or more than it answers; it fails more often than
                `retries`; or its answer is not a chat completion.
        """
        body = {"model": self.model, "max_tokens": sampling.max_new_tokens, "seed": seed}
        body |= {"temperature": sampling.temperature}
        body |= {"top_p": sampling.top_p} if sampling.temperature > 0 else {}
        pace = Pace(60.0 / rate if (rate := self.settings.requests_per_minute) else 0.0)
        pool = ThreadPoolExecutor(self.settings.concurrency)
        http = self._open()

        def send(prompt: Messages) -> Future[str | None]:
            return pool.submit(self._answer, http, {**body, "messages": prompt}, pace)

        waiting = iter(prompts)
        batch: list[str | None] = []
        try:
            # Twice as many requests as run at once: no thread idles while a slow answer holds up the order.
            sent = deque(map(send, islice(waiting, 2 * self.settings.concurrency)))
            while sent:
                batch.append(sent.popleft().result())
                sent.extend(map(send, islice(waiting, 1)))
                if len(batch) == batch_size or not sent:
                    yield batch
                    batch = []
        finally:
            pace.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            http.close()

    def _open(self) -> httpx.Client:
        """A client that never follows a redirect, which would carry the key to another host."""
        headers = {"User-Agent": "drama"}
        if key := os.environ.get(KEY_VARIABLE):
            headers["Authorization"] = f"Bearer {key}"
        return httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(self.settings.timeout, pool=None),
            limits=httpx.Limits(max_connections=None),
            verify=ssl.create_default_context(),  # the certificates of this machine
            follow_redirects=False,
        )

    def _answer(self, http: httpx.Client, body: dict[str, Any], pace: Pace) -> str | None:
        """The answer to one request, after as many retries as it takes; None where it is refused."""
        wait, why = 0.0, ""
        for attempt in range(self.settings.retries + 1):
            if not pace.wait_turn(wait):
                return None  # nobody waits for this answer
            with self._lock:
                self.usage.requests += 1
                self.usage.retries += attempt > 0
            try:
                return self._send(http, body)
            except RefusedError as error:
                self._count_refusal(str(error))
                return None
            except TransientError as error:
                backoff = min(_LONGEST_BACKOFF, self.settings.backoff * 2**attempt)
                wait, why = max(error.wait, backoff * random.uniform(0.75, 1.25)), str(error)
                pace.hold(error.wait)
        raise DramaError(
            f"{self.url}: no answer after {self.settings.retries + 1} tries ({why})",
            hint="is the server up? Answers so far are kept: start again to resume",
        )

    def _send(self, http: httpx.Client, body: dict[str, Any]) -> str:
        try:
            response = http.post(f"{self.url}/chat/completions", json=body)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise DramaError(f"{self.url}: its certificate is not trusted ({error})") from None
            raise TransientError(f"{type(error).__name__}: {error}") from None
        if not response.is_success:
            raise self._failure(response)
        try:
            reply = response.json()
            content = reply["choices"][0]["message"].get("content")
            usage = reply.get("usage") or {}
            tokens = [int(usage.get(key) or 0) for key in ("prompt_tokens", "completion_tokens")]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            problem = f"the answer is not a chat completion ({response.text[:_SHOWN]!r})"
            raise DramaError(f"{self.url}: {problem}", _ADDRESS_HINT) from None
        with self._lock:
            self._answered += 1
            self.usage.prompt_tokens += tokens[0]
            self.usage.completion_tokens += tokens[1]
        return content.strip() if isinstance(content, str) else ""

    def _failure(self, response: httpx.Response) -> Exception:
        said = " ".join(response.text.split())[:_SHOWN] or response.reason_phrase
        why = f"status {response.status_code}: {said}"
        if response.status_code in _PROMPT_REFUSED:
            return RefusedError(why)
        if response.status_code not in _TRANSIENT:
            return DramaError(f"{self.url}: {why}", hint=_HINTS.get(response.status_code, ""))
        wait = retry_after(response.headers.get("Retry-After", ""))
        if wait <= _LONGEST_WAIT:
            return TransientError(why, wait)
        return DramaError(
            f"{self.url}: asks to wait {wait:.0f} seconds ({why})",
            hint="start again later; answers so far are kept",
        )

    def _count_refusal(self, why: str) -> None:
        with self._lock:
            self._refused += 1
            refused, answered = self._refused, self._answered
        if refused == 1:
            note(f"{self.url}: refuses a prompt, which is left out and counted ({why})")
        if refused > max(_MOST_REFUSED, answered):
            raise DramaError(
                f"{self.url}: refused {refused} prompts and answered {answered} ({why})",
                hint="does it know this model, and these settings? Answers so far are kept",
            )


def retry_after(header: str) -> float:
    """Seconds to wait by a Retry-After header, a number or a date; 0 if it is neither.

    >>> retry_after("2.5"), retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), retry_after("")
    (2.5, 0.0, 0.0)
    """
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return max(0.0, (when.astimezone(UTC) - datetime.now(UTC)).total_seconds())
