"""A client for OpenAI-compatible chat servers: vLLM, SGLang, llama.cpp, Ollama, hosted ones.

The address `http://localhost:8000/v1#model-name` names a server and its model. Each request runs in a thread.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from queue import SimpleQueue
from typing import Any

import httpx

from drama.files import fingerprint
from drama.files.reading import parse_json
from drama.llm.answer import Answer
from drama.llm.chat import ChatModel, Messages, Sampling, Usage, request_seed
from drama.llm.escape import escaped
from drama.llm.reply import read_completion
from drama.servers.address import LLM_KEY, server_address
from drama.servers.connection import Connection, RefusedError
from drama.servers.pace import Pace
from drama.servers.settings import ServerSettings


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
        how = LLM_KEY, self.settings, "a chat completion"
        self._connection = Connection(self.url, "chat/completions", *how)
        self.usage = Usage(prices=self.settings.prices)
        self._revision, self._extra = revision, dict(extra_body or {})
        self._lock = threading.Lock()

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
        return self._connection.described(self.model)

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
        pace = self._connection.pace()
        http = self._connection.open()
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

    def _answer(self, http: httpx.Client, body: dict[str, Any], pace: Pace) -> Answer | None:
        """The answer to one request; None where nobody waits for it."""

        def read(text: str) -> Answer:
            answer, asked, made = read_completion(parse_json(text), body["max_tokens"])
            with self._lock:
                self.usage.prompt_tokens += asked
                self.usage.completion_tokens += made
            return answer

        try:
            found = self._connection.post(http, body, pace, read)
        except RefusedError as error:
            found = Answer(str(error), "refused")
        finally:
            with self._lock:
                self.usage.requests, self.usage.retries = self._connection.requests, self._connection.retries
        return found
