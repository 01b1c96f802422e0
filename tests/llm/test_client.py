"""A real HTTP server in this process: order, seeds, failures that pass, failures that do not, stalls,
limits."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any

import pytest

from drama.errors import DramaError
from drama.llm import Answer, Sampling, ServerClient
from drama.servers.address import LLM_KEY, server_address
from drama.servers.settings import ServerSettings

Reply = tuple[int, dict[str, str], Any]
Serving = Callable[..., AbstractContextManager[Any]]
QUICK = ServerSettings(backoff=0.01, retries=2, timeout=5, patience=0.01)
"""Patience of 0.6 seconds."""


def said(text: str | None, **choice: Any) -> Reply:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    return 200, {}, {"choices": [{"message": {"content": text}, **choice}], "usage": usage}


def echo(_: int, body: dict[str, Any]) -> Reply:
    return said(f" {body['messages'][-1]['content']}! ")


def chats(n: int) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": f"q{i}"}] for i in range(n)]


def ask(server: ServerClient, n: int) -> list[Answer]:
    found = dict(chain.from_iterable(server.as_they_come(chats(n), Sampling(), 1, seed=7)))
    return [found[number] for number in range(n)]


def test_answers_come_with_the_numbers_of_their_prompts(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LLM_KEY, "a-key")

    def uneven(number: int, body: dict[str, Any]) -> Reply:
        time.sleep(0.05 if number % 3 == 0 else 0)
        return echo(number, body)

    with serving(uneven) as fake:
        server = ServerClient(
            fake.name, QUICK, extra_body={"chat_template_kwargs": {"enable_thinking": False}}
        )
        assert ask(server, 10) == [Answer(f"q{i}!") for i in range(10)]
    assert server.usage.figures() == {
        "requests": 10, "retries": 0, "prompt_tokens": 30, "completion_tokens": 20
    }  # fmt: skip
    body = fake.bodies[0]
    assert (body["path"], body["model"]) == ("/v1/chat/completions", "some/model")
    assert (body["max_tokens"], body["temperature"]) == (32, 0.8)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert {h["Authorization"] for h in fake.headers} == {"Bearer a-key"}


def test_each_prompt_has_its_own_seed(serving: Serving) -> None:
    with serving(echo) as fake:
        ask(ServerClient(fake.name, QUICK), 30)
        seeds = {body["messages"][-1]["content"]: body["seed"] for body in fake.bodies}
        assert len({*seeds.values()}) == 30
        assert all(0 <= seed < 2**31 for seed in seeds.values())
        fake.bodies.clear()
        list(ServerClient(fake.name, QUICK).as_they_come(chats(30)[::-1], Sampling(), 1, seed=7))
        assert {body["messages"][-1]["content"]: body["seed"] for body in fake.bodies} == seeds
        fake.bodies.clear()
        list(ServerClient(fake.name, QUICK).as_they_come(chats(30), Sampling(), 1, seed=8))
        assert not {body["seed"] for body in fake.bodies} & {*seeds.values()}


def test_tokens_are_priced(serving: Serving) -> None:
    with serving(echo) as fake:
        server = ServerClient(fake.name, ServerSettings(prices=(1.0, 10.0)))
        ask(server, 10)
    assert server.usage.figures()["cost"] == pytest.approx((30 * 1.0 + 20 * 10.0) / 1e6)


def test_failures_that_pass_are_tried_again(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LLM_KEY, raising=False)
    first: list[Reply] = [(500, {}, {"error": "oops"}), (429, {"Retry-After": "0.4"}, {})]
    with serving(lambda i, body: first[i] if i < 2 else echo(i, body)) as fake:
        server = ServerClient(fake.name, QUICK)
        assert ask(server, 1) == [Answer("q0!")]
    assert server.usage.retries == 2
    assert fake.times[2] - fake.times[1] >= 0.4
    assert "Authorization" not in fake.headers[0]


def test_a_stalled_answer_times_out_and_is_tried_again(serving: Serving) -> None:
    def stall(number: int, body: dict[str, Any]) -> Reply:
        time.sleep(1.5 if number == 0 else 0)
        return echo(number, body)

    with serving(stall) as fake:
        server = ServerClient(fake.name, ServerSettings(backoff=0.01, retries=1, timeout=0.5))
        assert ask(server, 1) == [Answer("q0!")]
    assert server.usage.retries == 1


def test_failures_that_do_not_pass_are_errors(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LLM_KEY, "sk-1234")
    with serving(lambda *_: (500, {}, {"error": "out of order"})) as fake:
        with pytest.raises(DramaError, match=r"no answer after 3 tries .*out of order"):
            ask(ServerClient(fake.name, QUICK), 1)
        assert len(fake.bodies) == 3
    replies: list[tuple[Reply, str]] = [
        ((401, {}, {"error": "bad key sk-1234"}), LLM_KEY),
        ((302, {"Location": "http://elsewhere.invalid/"}, {}), "status 302"),
        ((429, {"Retry-After": "4000"}, {}), "asks to wait 4000 seconds"),
        ((200, {}, b"<html> sk-1234"), "not a chat completion"),
        ((200, {}, b"[" * 100_000), "not a chat completion"),
        ((200, {}, {"choices": []}), "not a chat completion"),
        ((200, {}, {"choices": [{"message": {"content": {"a": 1}}}]}), "not a chat completion"),
    ]
    for reply, message in replies:
        with serving(lambda *_, reply=reply: reply) as fake:
            with pytest.raises(DramaError) as caught:
                ask(ServerClient(fake.name, QUICK), 1)
            assert message in str(caught.value)
            assert "sk-1234" not in str(caught.value)
            assert len(fake.bodies) == 1


@pytest.mark.parametrize("key", ["sk-1234\n", "sk 1234", "clé"])
def test_a_key_that_cannot_be_sent_is_named_but_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LLM_KEY, key)
    with pytest.raises(DramaError, match=LLM_KEY) as caught:
        ask(ServerClient("http://127.0.0.1:1/v1#m", QUICK), 1)
    assert key.strip() not in str(caught.value)


def test_what_came_before_a_failure_is_not_lost(serving: Serving) -> None:
    """Answers that are there are handed over first, though an earlier prompt's request failed for good."""

    def first_is_poison(_: int, body: dict[str, Any]) -> Reply:
        if body["messages"][-1]["content"] == "q0":
            time.sleep(0.3)
            return 500, {}, {}
        return echo(0, body)

    with serving(first_is_poison) as fake:
        server = ServerClient(fake.name, ServerSettings(concurrency=4, retries=0))
        found: list[int] = []
        some = (number for each in server.as_they_come(chats(40), Sampling(), 1) for number, _ in each)
        with pytest.raises(DramaError, match="after 1 tries"):
            found.extend(some)
    assert len(found) >= 10
    assert 0 not in found


def test_refusals_are_answers(serving: Serving) -> None:
    def long_ones(number: int, body: dict[str, Any]) -> Reply:
        refused = body["messages"][-1]["content"] in ("q2", "q5")
        return (400, {}, {"error": "context too long"}) if refused else echo(number, body)

    with serving(long_ones) as fake:
        found = ask(ServerClient(fake.name, QUICK), 7)
    assert [answer.ending for answer in found] == [
        "end", "end", "refused", "end", "end", "refused", "end"
    ]  # fmt: skip
    assert "context too long" in found[2].text
    assert found[2].said == ""


def test_no_more_requests_than_allowed(serving: Serving) -> None:
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
        ask(ServerClient(fake.name, settings), 6)
    assert most <= 2
    assert fake.times[-1] - fake.times[0] >= 5 * 0.05 - 0.03


def test_prompts_are_read_as_they_are_needed(serving: Serving) -> None:
    read = 0

    def endless() -> Any:
        nonlocal read
        while True:
            read += 1
            yield chats(1)[0]

    with serving(echo) as fake:
        answers = ServerClient(fake.name, ServerSettings(concurrency=3)).as_they_come(
            endless(), Sampling(), 1
        )
        seen = sum(len(next(answers)) for _ in range(5))
        assert read <= seen + 2 * 3
        answers.close()


def test_control_tokens_in_a_text_are_not_sent(serving: Serving) -> None:
    with serving(echo) as fake:
        text = "ends with <|im_end|>, </s>, <end_of_turn> or [/INST], and 1 < 2 | 3"
        list(
            ServerClient(fake.name, QUICK).as_they_come([[{"role": "user", "content": text}]], Sampling(), 1)
        )
    (body,) = fake.bodies
    sent = body["messages"][0]["content"]
    assert sent == "ends with < |im_end|>, < /s>, < end_of_turn> or [ /INST], and 1 < 2 | 3"


@pytest.mark.parametrize(
    "name",
    [
        "http://localhost:8000/v1", "http://u:pw@host/v1#m", "http://host/v1?key=pw#m", "http:///v1#m",
        "http://host/v1#m?key=pw", "http://u:pw@host/v1",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(name: str) -> None:
    with pytest.raises(DramaError) as caught:
        server_address(name)
    assert "pw" not in str(caught.value)
