"""A chat server on loopback, real HTTP in a thread: right answers, and what servers do on a bad day."""

import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TROUBLES = ("429", "500", "cut", "garbage", "slow", "reset")
"""Too many requests; an error; half an answer; bytes that are no JSON; a stall; a closed connection."""


class ChatServer:
    """Answers depend on the prompt only. A trouble comes before an answer, never instead of it."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        """Times that each prompt was answered in full."""
        self.troubles: list[str] = []
        """What may go wrong; empty: nothing."""
        self.often = 0.5
        self.pause = 0.0
        """Seconds before an answer."""
        self.address = ""
        self._random = random.Random(0)
        self._lock = threading.Lock()

    def restart(self, troubles: list[str], seed: int = 0, pause: float = 0.0) -> None:
        """Forget all requests."""
        self.asked.clear()
        self.troubles, self.pause = troubles, pause
        self._random.seed(seed)

    def trouble(self) -> str | None:
        """What goes wrong with this request."""
        with self._lock:
            if self.troubles and self._random.random() < self.often:
                return self._random.choice(self.troubles)
        return None


def answer(prompt: str) -> str:
    """A question of eight of the prompt's words."""
    draw = random.Random(hashlib.sha256(prompt.encode()).digest())
    words = sorted({word.strip(".,:;\"'").lower() for word in prompt.split() if word.isascii()})
    return "what about " + " ".join(draw.sample(words, min(8, len(words))))


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        chat: ChatServer = self.server.chat
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        trouble = chat.trouble()
        time.sleep(chat.pause)
        said = {
            "message": {"role": "assistant", "content": answer(prompt)},
            "finish_reason": "stop",
            "index": 0,
        }
        whole = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [said],
        }
        whole["usage"] = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
        data = json.dumps(whole).encode()
        if trouble == "reset":
            self.close_connection = True
            self.connection.close()
            return
        if trouble == "slow":
            time.sleep(0.7)
        status = int(trouble) if trouble in ("429", "500") else 200
        if status != 200:
            data = b"try again"
        elif trouble == "garbage":
            data = b"\xff\xfe<html>busy</html>\x00"
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Type", "application/json")
            if status == 429:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if trouble == "cut" else data)
            if trouble == "cut":
                self.close_connection = True
                self.connection.close()
                return
        except (OSError, ValueError):
            return  # the client gave up
        if status == 200 and trouble not in ("garbage",):
            with chat._lock:
                chat.asked[prompt] += 1

    def log_message(self, *_: Any) -> None: ...

    def handle(self) -> None:
        with suppress(OSError, ValueError):  # closed on purpose, or by a client that was killed
            super().handle()


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """A server at `address`, until the block ends."""
    chat = ChatServer()
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.chat, server.daemon_threads = chat, True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    chat.address = f"http://127.0.0.1:{server.server_port}/v1#tiny"
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
