"""A client for OpenAI-compatible chat servers: vLLM, SGLang, llama.cpp, Ollama, hosted ones.

The address `http://localhost:8000/v1#model-name` names a server and its model. Each request runs in a thread.
"""

import os
import random
import re
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from queue import SimpleQueue
from typing import Annotated, Any

import httpx
from pydantic import Field

from drama.console import note
from drama.errors import DramaError
from drama.files import fingerprint
from drama.files.reading import parse_json
from drama.llm.address import KEY_VARIABLE, server_address
from drama.llm.answer import Answer
from drama.llm.chat import ChatModel, Messages, Sampling, Usage, request_seed
from drama.llm.escape import escaped
from drama.llm.pace import Pace
from drama.llm.reply import described_model, read_completion, retry_after
from drama.settings import Section

NonNegative = Annotated[float, Field(ge=0)]
_PROMPT_REFUSED = {400, 413, 422}
"""Status of a request that is too long, or that a filter rejects."""
_TOO_MANY = 429
_DOWN = {502, 503, 529}
"""Status of a server that is not there, or has no room: no request's fault."""
_FAILED = {408, 425, 500, 504}
_LONGEST_BACKOFF = 60.0
_ABOUT_MODELS = 10.0
"""Seconds that a server has to list its models."""
_SHOWN = 300
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
_ADDRESS_HINT = "the address ends before /chat/completions, often in /v1"
_KEY_HINT = f"put the key into the environment variable {KEY_VARIABLE}"
_HINTS = {401: _KEY_HINT, 403: _KEY_HINT, 404: f"{_ADDRESS_HINT}; check the model's name too"}
_KEPT = "answers so far are kept: start again to resume"


class ServerSettings(Section):
    """How requests are sent to a server."""

    concurrency: int = Field(default=8, ge=1)
    """Requests at once."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """None sets no limit. The server's own limit (status 429) is always found and kept to."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds without a byte from the server until a request counts as failed."""
    retries: int = Field(default=5, ge=0)
    """Retries of a request that fails at the server: a time-out, a broken connection, or status 408, 425,
    500, 504."""
    patience: float = Field(default=15.0, ge=0)
    """Minutes to wait for a server that answers nothing: no connection, or status 429, 502, 503, 529. These
    cost no retry."""
    backoff: float = Field(default=1.0, ge=0)
    """Seconds before the first retry, doubled each time. A longer Retry-After with status
    429, 502, 503 or 529 is honoured."""
    prices: tuple[NonNegative, NonNegative] | None = None
    """Prices per million tokens of prompts and of answers, in any currency, for the figure `cost`."""


class FailedError(Exception):
    """A request failed at the server; a retry may get past it."""


class WaitError(Exception):
    """The server takes no request now; it may say how many seconds to wait."""

    def __init__(self, why: str, wait: float = 0.0, too_many: bool = False) -> None:
        super().__init__(why)
        self.wait, self.too_many = wait, too_many


class ServerClient(ChatModel):
    """A chat LLM on a server. An answer depends only on its own prompt; only the server knows what fits.

    Args:
        name: the address.
        settings: how requests are sent.
        revision: of the model, where its name does not say it.
        extra_body: further parameters of each request.

    Raises:
        DramaError: an address that names no model, or a key that can't be sent.
    """

    def __init__(
        self,
        name: str,
        settings: ServerSettings | None = None,
        revision: str = "",
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.url, self.model = server_address(name)
        self.settings = settings or ServerSettings()
        self.usage = Usage(prices=self.settings.prices)
        self._revision, self._extra = revision, dict(extra_body or {})
        self._lock = threading.Lock()
        self._last_answer = 0.0
        self._noted: set[str] = set()

    @property
    def identity(self) -> str:
        """The model's name and revision, and the further parameters: not the address, since another node may
        serve the same model."""
        extra = fingerprint(self._extra) if self._extra else ""
        return "\0".join(("server", self.model, self._revision, extra))

    def described(self) -> str:
        """What the server says about its model, as far as the name does not say it. Nothing where a revision
        is given: whoever names one knows what it stands for."""
        if self._revision:
            return ""
        try:
            with self._open() as http:
                response = http.get(f"{self.url}/models", timeout=_ABOUT_MODELS)
            return described_model(parse_json(response.text), self.model) if response.is_success else ""
        except (httpx.HTTPError, ValueError):
            return ""

    def as_they_come(
        self, prompts: Iterable[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[tuple[int, Answer]]]:
        """See `ChatModel`; `concurrency` requests run at once. A prompt may be refused (status 400, 413,
        422).

        Raises:
            DramaError: a request fails more often than `retries`, the server answers nothing for `patience`
                minutes, or its answer is not a chat completion.
        """
        body = {"model": self.model, "max_tokens": sampling.max_new_tokens, **self._extra}
        body |= {"temperature": sampling.temperature}
        body |= {"top_p": sampling.top_p} if sampling.temperature > 0 else {}
        pace = Pace(60.0 / rate if (rate := self.settings.requests_per_minute) else 0.0)
        http = self._open()
        todo: SimpleQueue[tuple[int, dict[str, Any]] | None] = SimpleQueue()
        done: SimpleQueue[tuple[int, Answer | Exception | None]] = SimpleQueue()

        def work() -> None:
            while (request := todo.get()) is not None:
                try:
                    done.put((request[0], self._answer(http, request[1], pace)))
                except Exception as error:
                    done.put((request[0], error))

        def send(most: int) -> int:
            prompts_ahead = list(islice(waiting, most))
            for number, prompt in prompts_ahead:
                own = {"seed": request_seed(seed, prompt), "messages": escaped(prompt)}
                todo.put((number, {**body, **own}))
            return len(prompts_ahead)

        waiting = enumerate(prompts)
        # Daemons: a process that was stopped does not wait for an answer that may take minutes.
        threads = [threading.Thread(target=work, daemon=True) for _ in range(self.settings.concurrency)]
        try:
            running = send(len(threads))
            for thread in threads[:running]:
                thread.start()
            while running:
                ready = [done.get()]
                while not done.empty():
                    ready.append(done.get())
                running -= len(ready)
                failure = next((found for _, found in ready if isinstance(found, Exception)), None)
                if failure is None:
                    running += send(len(ready))
                if answers := [(number, found) for number, found in ready if isinstance(found, Answer)]:
                    yield answers
                if failure is not None:
                    raise failure
        finally:
            pace.stop()
            for _ in threads:
                todo.put(None)
            http.close()

    def _open(self) -> httpx.Client:
        """A client that never follows a redirect, which would carry the key to another host."""
        headers = {"User-Agent": "drama"}
        if key := os.environ.get(KEY_VARIABLE):
            if not (key.isascii() and key.isprintable()) or " " in key:
                raise DramaError(
                    f"the environment variable {KEY_VARIABLE} holds a character that no key has",
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

    def _answer(self, http: httpx.Client, body: dict[str, Any], pace: Pace) -> Answer | None:
        """The answer to one request, after as many retries as it takes; None where nobody waits for it."""
        begin, wait = time.monotonic(), 0.0
        tries = failures = 0
        while pace.wait_turn(wait):
            sent = time.monotonic()
            with self._lock:
                self.usage.requests += 1
                self.usage.retries += tries > 0
            tries += 1
            backoff = min(_LONGEST_BACKOFF, self.settings.backoff * 2 ** min(tries - 1, 20))
            backoff *= random.uniform(0.75, 1.25)
            try:
                answer = self._send(http, body)
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

    def _send(self, http: httpx.Client, body: dict[str, Any]) -> Answer:
        try:
            response = http.post(f"{self.url}/chat/completions", json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise DramaError(f"{self.url}: its certificate is not trusted ({error})") from None
            raise WaitError(f"no connection: {_NUMBER.sub('', str(error))}") from None
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise DramaError(f"{self.url}: {_safe(str(error))}") from None
        except httpx.RequestError as error:
            raise FailedError(f"{type(error).__name__}: {_safe(str(error))}") from None
        text = _safe(response.content.decode("utf-8", "replace"))
        if not response.is_success:
            return self._failure(response, text)
        try:
            answer, asked, made = read_completion(parse_json(text), body["max_tokens"])
        except ValueError:
            problem = f"the answer is not a chat completion ({text[:_SHOWN]!r})"
            raise DramaError(f"{self.url}: {problem}", _ADDRESS_HINT) from None
        with self._lock:
            self.usage.prompt_tokens += asked
            self.usage.completion_tokens += made
        return answer

    def _failure(self, response: httpx.Response, text: str) -> Answer:
        """The refusal of a prompt; any other failure is raised."""
        status = response.status_code
        why = f"status {status}: {' '.join(text.split())[:_SHOWN] or response.reason_phrase}"
        wait = retry_after(response.headers.get("Retry-After", ""), response.headers.get("Date", ""))
        if status in _PROMPT_REFUSED:
            return Answer(why, "refused")
        if status == _TOO_MANY:
            raise WaitError(why, wait, too_many=True)
        if status in _DOWN:
            raise WaitError(why, wait)
        if status in _FAILED:
            raise FailedError(why)
        raise DramaError(f"{self.url}: {why}", hint=_HINTS.get(status, ""))


def _safe(text: str) -> str:
    """A server's words without the key, which it may repeat."""
    key = os.environ.get(KEY_VARIABLE)
    return text.replace(key, "…") if key else text
