"""A real HTTP server in this process: answers, failures that pass, failures that do not, stalls, limits."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drama.errors import DramaError
from drama.llm.address import KEY_VARIABLE, server_address
from drama.llm.answers import AnswerCache, cached_answers
from drama.llm.chat import Sampling
from drama.llm.client import ServerClient, ServerSettings, retry_after

Reply = tuple[int, dict[str, str], Any]
QUICK = ServerSettings(backoff=0.01, retries=2, timeout=5)


class Fake:
    """Calls `reply(number of this request, body)` and remembers what came in."""

    def __init__(self, reply: Callable[[int, dict[str, Any]], Reply]) -> None:
        self.reply = reply
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.lock = threading.Lock()
        self.name = ""


@contextmanager
def serving(reply: Callable[[int, dict[str, Any]], Reply]) -> Iterator[Fake]:
    fake = Fake(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with fake.lock:
                number = len(fake.bodies)
                fake.bodies.append(body | {"path": self.path})
                fake.headers.append(dict(self.headers))
                fake.times.append(time.monotonic())
            status, headers, content = fake.reply(number, body)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            try:
                self.send_response(status)
                for key, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass  # the client gave up

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    fake.name = f"http://127.0.0.1:{server.server_port}/v1#some/model"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def said(text: str | None) -> Reply:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    return 200, {}, {"choices": [{"message": {"content": text}}], "usage": usage}


def echo(_: int, body: dict[str, Any]) -> Reply:
    return said(f" {body['messages'][-1]['content']}! ")


def chats(n: int) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": f"q{i}"}] for i in range(n)]


def ask(server: ServerClient, n: int, batch_size: int = 4) -> list[list[str | None]]:
    return list(server.generate(chats(n), Sampling(), batch_size, seed=7))


def test_answers_come_in_the_order_of_the_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")

    def uneven(number: int, body: dict[str, Any]) -> Reply:
        time.sleep(0.05 if number % 3 == 0 else 0)
        return echo(number, body)

    with serving(uneven) as fake:
        server = ServerClient(fake.name, QUICK)
        assert ask(server, 10) == [[f"q{i}!" for i in range(a, min(a + 4, 10))] for a in (0, 4, 8)]
    assert server.usage.figures() == {
        "requests": 10, "retries": 0, "prompt_tokens": 30, "completion_tokens": 20
    }  # fmt: skip
    body = fake.bodies[0]
    assert (body["path"], body["model"]) == ("/v1/chat/completions", "some/model")
    assert (body["seed"], body["max_tokens"], body["temperature"]) == (7, 32, 0.8)
    assert {h["Authorization"] for h in fake.headers} == {"Bearer secret"}


def test_tokens_are_priced() -> None:
    with serving(echo) as fake:
        server = ServerClient(fake.name, ServerSettings(prices=(1.0, 10.0)))
        ask(server, 10)
    assert server.usage.figures()["cost"] == pytest.approx((30 * 1.0 + 20 * 10.0) / 1e6)


def test_failures_that_pass_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    first: list[Reply] = [(500, {}, {"error": "oops"}), (429, {"Retry-After": "0.4"}, {})]
    with serving(lambda i, body: first[i] if i < 2 else echo(i, body)) as fake:
        server = ServerClient(fake.name, QUICK)
        assert ask(server, 1) == [["q0!"]]
    assert server.usage.retries == 2
    assert fake.times[2] - fake.times[1] >= 0.4
    assert "Authorization" not in fake.headers[0]


def test_a_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after(later) == pytest.approx(90, abs=3)
    assert retry_after("soon") == retry_after("-5") == 0


def test_a_stalled_answer_times_out_and_is_tried_again() -> None:
    def stall(number: int, body: dict[str, Any]) -> Reply:
        time.sleep(1.5 if number == 0 else 0)
        return echo(number, body)

    with serving(stall) as fake:
        server = ServerClient(fake.name, ServerSettings(backoff=0.01, retries=1, timeout=0.5))
        assert ask(server, 1) == [["q0!"]]
    assert server.usage.retries == 1


def test_failures_that_do_not_pass_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    with serving(lambda *_: (503, {}, {"error": "overloaded"})) as fake:
        with pytest.raises(DramaError, match=r"no answer after 3 tries .*overloaded"):
            ask(ServerClient(fake.name, QUICK), 1)
        assert len(fake.bodies) == 3
    replies: list[tuple[Reply, str]] = [
        ((401, {}, {"error": "bad key"}), KEY_VARIABLE),
        ((302, {"Location": "http://elsewhere.invalid/"}, {}), "status 302"),
        ((429, {"Retry-After": "4000"}, {}), "asks to wait 4000 seconds"),
        ((200, {}, b"<html>"), "not a chat completion"),
        ((200, {}, {"choices": []}), "not a chat completion"),
    ]
    for reply, message in replies:
        with serving(lambda *_, reply=reply: reply) as fake:
            with pytest.raises(DramaError) as caught:
                ask(ServerClient(fake.name, QUICK), 1)
            assert message in str(caught.value)
            assert "secret" not in str(caught.value)
            assert len(fake.bodies) == 1
    gone = ServerClient(fake.name, ServerSettings(backoff=0.01, retries=0))
    with pytest.raises(DramaError, match="after 1 tries"):
        ask(gone, 1)


def test_prompts_that_the_server_refuses_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def long_ones(number: int, body: dict[str, Any]) -> Reply:
        refused = body["messages"][-1]["content"] in ("q2", "q5")
        return (400, {}, {"error": "context too long"}) if refused else echo(number, body)

    with serving(long_ones) as fake:
        found = [a for batch in ask(ServerClient(fake.name, QUICK), 7) for a in batch]
        assert found == ["q0!", "q1!", None, "q3!", "q4!", None, "q6!"]
        assert len(fake.bodies) == 7
    assert capsys.readouterr().err.count("context too long") == 1
    with (
        serving(lambda *_: (400, {}, {"error": "no such parameter: seed"})) as fake,
        pytest.raises(DramaError, match=r"refused \d+ prompts and answered 0 .*no such parameter"),
    ):
        ask(ServerClient(fake.name, QUICK), 20)


def test_the_same_request_is_sent_once(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.sqlite")
    with serving(lambda number, _: said(f"answer {number}")) as fake:
        server = ServerClient(fake.name, ServerSettings(concurrency=1))
        twice = [*chats(3), *chats(3)]
        found = cached_answers(server, twice, Sampling(), 4, 0, cache, "ask")
        assert len(fake.bodies) == 3
        assert found == ["answer 0", "answer 1", "answer 2"] * 2
        assert cached_answers(server, twice, Sampling(), 4, 0, cache, "ask") == found
        assert len(fake.bodies) == 3


def test_an_answer_without_text_is_empty() -> None:
    with serving(lambda *_: said(None)) as fake:
        assert ask(ServerClient(fake.name, QUICK), 1) == [[""]]


def test_no_more_requests_than_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def watched(number: int, body: dict[str, Any]) -> Reply:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return echo(number, body)

    with serving(watched) as fake:
        settings = ServerSettings(concurrency=2, requests_per_minute=1200)
        assert len(ask(ServerClient(fake.name, settings), 6)) == 2
    assert most <= 2
    assert fake.times[-1] - fake.times[0] >= 5 * 0.05 - 0.03


def test_what_was_answered_is_not_asked_again_even_after_a_failure(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.sqlite")

    def run(name: str, n: int) -> list[str | None]:
        settings = ServerSettings(concurrency=1, retries=0)
        return cached_answers(ServerClient(name, settings), chats(n), Sampling(), 4, 0, cache, "ask")

    failing = True
    with serving(lambda i, body: (500, {}, {}) if failing and i >= 3 else echo(i, body)) as fake:
        with pytest.raises(DramaError, match="Answers so far are kept"):
            run(fake.name, 6)
        failing = False
        before = len(fake.bodies)
        assert run(fake.name, 6) == [f"q{i}!" for i in range(6)]
        # A request of the first run may still be on its way; what was answered there is not asked again.
        asked = {body["messages"][-1]["content"] for body in fake.bodies[before:]}
        assert asked == {"q3", "q4", "q5"}
        before = len(fake.bodies)
        run(fake.name, 6)
        assert len(fake.bodies) == before


@pytest.mark.parametrize(
    "name", ["http://localhost:8000/v1", "http://u:p@host/v1#m", "http://host/v1?key=k#m", "http:///v1#m"]
)
def test_addresses_that_are_refused(name: str) -> None:
    with pytest.raises(DramaError) as caught:
        server_address(name)
    assert "u:p" not in str(caught.value)
