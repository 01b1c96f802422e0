"""Servers that limit the rate, restart, or are down for good: real ones, on loopback."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from drama.errors import DramaError
from drama.llm import AnswerCache, Sampling, ServerClient, cached_answers
from drama.servers.reply import retry_after
from drama.servers.settings import ServerSettings

Reply = tuple[int, dict[str, str], Any]
Serving = Callable[..., AbstractContextManager[Any]]


def echo(_: int, body: dict[str, Any]) -> Reply:
    return 200, {}, {"choices": [{"message": {"content": body["messages"][-1]["content"]}}]}


def chats(n: int) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": f"q{i}"}] for i in range(n)]


def answers(server: ServerClient, n: int) -> list[str]:
    found = dict(chain.from_iterable(server.as_they_come(chats(n), Sampling(), 1)))
    return [found[number].text for number in range(n)]


@pytest.mark.parametrize("how", ["seconds", "date", "nothing"])
def test_a_rate_limit_costs_no_try_and_sets_the_pace(serving: Serving, how: str) -> None:
    """20 requests a second for 32 threads; with the old rule (six tries a request) the stage died at once."""
    lock, allowed, refused = threading.Lock(), [0.0], 0

    def limited(number: int, body: dict[str, Any]) -> Reply:
        nonlocal refused
        with lock:
            now = time.monotonic()
            if now < allowed[0]:
                refused += 1
                wait = {"Retry-After": "0.1"}
                if how == "date":  # in whole seconds, by a clock that is an hour fast
                    clock = datetime.now(UTC) + timedelta(hours=1)
                    wait = {"Date": format_datetime(clock, True)}
                    wait["Retry-After"] = format_datetime(clock + timedelta(seconds=1), True)
                return 429, wait if how != "nothing" else {}, {"error": "too many"}
            allowed[0] = max(allowed[0] + 0.05, now - 0.2)
        return echo(number, body)

    with serving(limited) as fake:
        settings = ServerSettings(concurrency=32, retries=0, backoff=0.1, patience=0.5)
        server = ServerClient(fake.name, settings)
        n = 40 if how == "date" else 80
        assert answers(server, n) == [f"q{i}" for i in range(n)]
    assert refused > 0
    assert server.usage.retries == refused
    # The first burst and a few while the pace is found, not one for each thread and second.
    assert refused < n


def test_a_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after(later) == pytest.approx(90, abs=3)
    for nonsense in ("soon", "-5", "nan", "inf", "Mon, 99 Foo 20000 99:99:99", ""):
        assert retry_after(nonsense) == 0


def test_a_restart_is_survived(serving: Serving) -> None:
    """The server goes away in the middle, refuses connections, says that it loads, and comes back."""
    settings = ServerSettings(concurrency=4, retries=1, backoff=0.05, timeout=5, patience=0.5)
    found: list[str] = []
    with serving(echo) as fake:
        port = fake.port
        server = ServerClient(fake.name, settings)
        asked = server.as_they_come(chats(400), Sampling(), 1)
        found += [answer.text for _ in range(20) for _, answer in next(asked)]
    down_at = time.monotonic()
    loading = time.monotonic() + 1.2

    def comes_back() -> None:
        time.sleep(0.6)
        with serving(lambda i, b: (503, {}, {}) if time.monotonic() < loading else echo(i, b), port=port):
            stopped.wait(60)

    stopped = threading.Event()
    thread = threading.Thread(target=comes_back)
    thread.start()
    try:
        found += [answer.text for some in asked for _, answer in some]
    finally:
        stopped.set()
        thread.join()
    assert sorted(found) == sorted(f"q{i}" for i in range(400))
    assert time.monotonic() - down_at >= 1.0
    assert server.usage.retries > 0


def test_a_server_that_is_down_for_good_ends_with_an_error_and_what_was_answered_is_kept(
    serving: Serving, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ServerSettings(concurrency=2, retries=0, backoff=0.05, patience=0.01)

    def dies(number: int, body: dict[str, Any]) -> Reply:
        return echo(number, body) if number < 10 else (503, {}, {"error": "no workers"})

    def run(name: str) -> list[str]:
        with AnswerCache(tmp_path / "answers.sqlite") as cache:
            how = Sampling(), 1, 0, cache, "ask"
            return [a.text for a in cached_answers(ServerClient(name, settings), chats(30), *how)]

    with serving(dies) as fake:
        with pytest.raises(DramaError) as caught:
            run(fake.name)
        assert "no workers" in str(caught.value)
        assert "start again to resume" in str(caught.value)
        assert "server.patience is 0.01 minutes" in str(caught.value)
        assert fake.times[-1] - fake.times[9] < 20
    assert "tried again until nothing has been answered for 0.01 minutes" in " ".join(
        capsys.readouterr().err.split()
    )
    with serving(echo) as fake:
        assert run(fake.name) == [f"q{i}" for i in range(30)]
        assert len(fake.bodies) == 20


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ServerSettings(backoff=0.01, patience=0.005)
    server = ServerClient(f"http://127.0.0.1:{port}/v1#m", settings)
    with pytest.raises(DramaError, match=r"answers nothing.*no connection: Connection refused"):
        list(server.as_they_come(chats(1), Sampling(), 1))
    assert server.usage.requests > 1


def test_a_request_that_always_fails_does_not_wait_for_ever(serving: Serving) -> None:
    def poison(number: int, body: dict[str, Any]) -> Reply:
        return (500, {}, {}) if body["messages"][-1]["content"] == "q3" else echo(number, body)

    with serving(poison) as fake:
        server = ServerClient(fake.name, ServerSettings(backoff=0.01, retries=3))
        with pytest.raises(DramaError, match="after 4 tries"):
            answers(server, 50)
        assert sum(body["messages"][-1]["content"] == "q3" for body in fake.bodies) == 4


def test_a_stopped_process_does_not_wait_for_its_answers(serving: Serving) -> None:
    """Ctrl-C, while all requests wait for a server that says nothing for a minute."""
    stopped = threading.Event()

    def silent(number: int, body: dict[str, Any]) -> Reply:
        stopped.wait(60)
        return echo(number, body)

    with serving(silent) as fake:
        code = (
            "import sys\nfrom drama.llm import Sampling, ServerClient\n"
            "prompts = [[{'role': 'user', 'content': str(i)}] for i in range(50)]\n"
            "list(ServerClient(sys.argv[1]).as_they_come(prompts, Sampling(), 4))"
        )
        with subprocess.Popen([sys.executable, "-c", code, fake.name], stderr=subprocess.DEVNULL) as process:
            try:
                while not fake.bodies:
                    assert process.poll() is None
                    time.sleep(0.02)
                begin = time.monotonic()
                process.send_signal(signal.SIGINT)
                process.wait(30)
                assert time.monotonic() - begin < 30
            finally:
                process.kill()
                stopped.set()
