"""Answers from the cache and from the LLM: streamed, counted, resumed, and never mixed between models."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from drama.errors import DramaError
from drama.llm import Answer, AnswerCache, ChatModel, Messages, Sampling, ServerClient, Usage
from drama.llm import cache as cache_module
from drama.llm import cached as module
from drama.llm.cached import cached_answers
from drama.llm.chat import BatchModel, chunks
from drama.servers.settings import ServerSettings

Reply = tuple[int, dict[str, str], Any]
Serving = Callable[..., AbstractContextManager[Any]]
QUICK = ServerSettings(concurrency=2, backoff=0.01, retries=0, patience=0.01)


def said(text: str) -> Reply:
    return 200, {}, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}


def echo(_: int, body: dict[str, Any]) -> Reply:
    return said(f"{body['model']}: {body['messages'][-1]['content']}")


def chat(text: str) -> Messages:
    return [{"role": "user", "content": text}]


def chats(n: int) -> list[Messages]:
    return [chat(f"q{i}") for i in range(n)]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[AnswerCache]:
    with AnswerCache(tmp_path / "answers.sqlite") as opened:
        yield opened


def ask(model: ChatModel, prompts: Any, cache: AnswerCache, batch_size: int = 4) -> list[Answer]:
    return list(cached_answers(model, prompts, Sampling(), batch_size, 0, cache, "ask"))


class Counting(BatchModel):
    """Answers with the prompt's words, and counts what it is asked. Those that begin with `long` do not
    fit."""

    name = identity = "counting"

    def __init__(self, batches: bool = False) -> None:
        self.usage, self.asked, self.ahead, self.batches = Usage(), 0, 0, batches

    def together(self, batch_size: int) -> int:
        return batch_size if self.batches else 1

    def fits(self, prompt: Messages, new: int = 0) -> bool:
        return not prompt[-1]["content"].startswith("long")

    def generate(
        self, prompts: Any, sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[Answer]]:
        for some in chunks(prompts, batch_size):
            self.asked += len(some)
            yield [Answer(prompt[-1]["content"]) for prompt in some]


def test_the_same_request_is_sent_once(serving: Serving, cache: AnswerCache) -> None:
    with serving(lambda number, _: said(f"answer {number}")) as fake:
        server = ServerClient(fake.name, ServerSettings(concurrency=1))
        twice = [*chats(3), *chats(3)]
        found = ask(server, twice, cache)
        assert len(fake.bodies) == 3
        assert [answer.text for answer in found] == ["answer 0", "answer 1", "answer 2"] * 2
        assert ask(server, twice, cache) == found
        assert len(fake.bodies) == 3


@pytest.mark.parametrize("batches", [False, True])
def test_prompts_stream_and_each_is_looked_at_once(
    cache: AnswerCache, batches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read, held and compared grows with the prompts, and not with their square."""
    monkeypatch.setattr(module, "WINDOW", 64)
    monkeypatch.setattr(cache_module, "SECONDS", 3600.0)
    read = gets = 0

    def prompts(n: int) -> Iterator[Messages]:
        nonlocal read
        for number in range(n):
            read += 1
            yield chat(f"q{number}")

    get = AnswerCache.get

    def counted(self: AnswerCache, request: str) -> Answer | None:
        nonlocal gets
        gets += 1
        return get(self, request)

    monkeypatch.setattr(AnswerCache, "get", counted)
    model, n = Counting(batches), 2000
    for number, answer in enumerate(cached_answers(model, prompts(n), Sampling(), 4, 0, cache, "ask")):
        assert answer.text == f"q{number}"
        assert read - number <= 64 + 1
    assert (read, gets, model.asked) == (n, n, n)
    assert cache.commits <= n / 64 + 1  # one for each window of 64 prompts
    again = Counting(batches)
    assert len(list(cached_answers(again, prompts(n), Sampling(), 4, 0, cache, "ask"))) == n
    assert again.asked == 0


@pytest.mark.parametrize("batches", [False, True])
def test_prompts_that_do_not_fit_are_answered_in_their_place_and_in_no_batch(
    cache: AnswerCache, batches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 8)
    texts = [f"long {i}" if i % 5 in (0, 1) or i > 40 else f"q{i}" for i in range(50)]
    model = Counting(batches)
    found = ask(model, map(chat, texts), cache)
    fit = [text for text in texts if text.startswith("q")]
    assert [answer.text for answer in found] == [text if text in fit else "" for text in texts]
    assert {answer.problem for answer in found if not answer.text} == {"too long for the LLM"}
    assert model.asked == len(fit)
    assert ask(Counting(batches), map(chat, fit), cache) == [answer for answer in found if answer.text]
    assert ask(model, [chat("long")] * 3, cache) == [Answer("", "too long")] * 3
    assert model.asked == len(fit)


def test_commits_do_not_grow_with_the_answers(
    cache: AnswerCache, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "SECONDS", 3600.0)
    with serving(echo) as fake:
        ask(ServerClient(fake.name, QUICK), chats(200), cache)
    assert cache.commits == 1


@pytest.mark.parametrize("killed_after", [None, 5])
def test_refusals_are_outcomes_that_a_second_run_finds(
    serving: Serving, tmp_path: Path, killed_after: int | None
) -> None:
    """90 answers and 10 refusals, the refused at the end as long prompts are: the second run is the same."""

    def long_ones(number: int, body: dict[str, Any]) -> Reply:
        refused = int(body["messages"][-1]["content"][1:]) >= 90
        return (400, {}, {"error": "context too long"}) if refused else echo(number, body)

    expected = ["end"] * 90 + ["refused"] * 10
    with serving(long_ones) as fake:
        if killed_after is not None:  # in the middle of the refusals
            with AnswerCache(tmp_path / "answers.sqlite") as cache:
                ask(ServerClient(fake.name, QUICK), chats(90 + killed_after), cache)
                cache.put({})
        for _ in range(2):
            with AnswerCache(tmp_path / "answers.sqlite") as cache:
                found = ask(ServerClient(fake.name, QUICK), chats(100), cache)
            assert [answer.ending for answer in found] == expected
        assert len(fake.bodies) == 100


def test_refusals_that_were_not_kept_do_not_end_the_second_run(serving: Serving, tmp_path: Path) -> None:
    """Only the 90 answers of the first run are there: the ten refusals are still fewer than these."""
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        with serving(echo) as fake:
            ask(ServerClient(fake.name, QUICK), chats(90), cache)
        with serving(lambda *_: (400, {}, {"error": "too long"})) as fake:
            found = ask(ServerClient(fake.name, QUICK), chats(100), cache)
            assert len(fake.bodies) == 10
    assert [answer.ending for answer in found] == ["end"] * 90 + ["refused"] * 10


def test_a_server_that_refuses_everything_is_an_error_and_its_refusals_are_not_kept(
    serving: Serving, cache: AnswerCache
) -> None:
    with (
        serving(lambda *_: (400, {}, {"error": "no such parameter: seed"})) as fake,
        pytest.raises(DramaError, match=r"refused \d+ prompts and answered 0 .*no such parameter"),
    ):
        ask(ServerClient(fake.name, QUICK), chats(20), cache)
    with serving(echo) as fake:
        assert {answer.ending for answer in ask(ServerClient(fake.name, QUICK), chats(20), cache)} == {"end"}
        assert len(fake.bodies) == 20


def test_what_was_answered_is_not_asked_again_even_after_a_failure(
    serving: Serving, cache: AnswerCache
) -> None:
    settings = ServerSettings(concurrency=1, retries=0)
    failing = True
    with serving(lambda i, body: (500, {}, {}) if failing and i >= 3 else echo(i, body)) as fake:
        with pytest.raises(DramaError, match="answers so far are kept"):
            ask(ServerClient(fake.name, settings), chats(6), cache)
        failing = False
        before = len(fake.bodies)
        ask(ServerClient(fake.name, settings), chats(6), cache)
        assert {b["messages"][-1]["content"] for b in fake.bodies[before:]} == {"q3", "q4", "q5"}


def named(server: Any, model: str) -> str:
    return f"{server.name.partition('#')[0]}#{model}"


def test_the_same_model_on_another_host_and_port_is_not_asked_again(
    serving: Serving, cache: AnswerCache
) -> None:
    with serving(echo) as one:
        found = ask(ServerClient(one.name, QUICK), chats(9), cache)
    with serving(echo) as other:
        assert other.port != one.port
        assert ask(ServerClient(other.name, QUICK), chats(9), cache) == found
        assert not other.bodies
        # Another name, another revision and other parameters are other models.
        for client in (
            ServerClient(named(other, "some/other-model"), QUICK),
            ServerClient(other.name, QUICK, revision="2"),
            ServerClient(other.name, QUICK, extra_body={"chat_template_kwargs": {"enable_thinking": False}}),
        ):
            before = len(other.bodies)
            ask(client, chats(9), cache)
            assert len(other.bodies) == before + 9
    with serving(echo) as one:
        fresh = ask(ServerClient(named(one, "some/other-model"), QUICK), chats(9), cache)
        assert {answer.text.partition(":")[0] for answer in fresh} == {"some/other-model"}
        assert not one.bodies


def test_another_model_under_the_same_name_is_noticed(serving: Serving, cache: AnswerCache) -> None:
    def models(root: str) -> dict[str, Any]:
        return {"data": [{"id": "chat", "root": root, "owned_by": "vllm", "created": 5, "max_model_len": 9}]}

    with serving(echo, models("/data/Qwen3-8B")) as fake:
        ask(ServerClient(named(fake, "chat"), QUICK), chats(3), cache)
    with serving(echo, models("/elsewhere/Qwen3-8B/")) as fake:  # another node with another disk
        ask(ServerClient(named(fake, "chat"), QUICK), chats(6), cache)
    with serving(echo, models("/data/Llama-3-70B")) as fake:
        with pytest.raises(DramaError, match=r"is Llama-3-70B, but .* from Qwen3-8B") as caught:
            ask(ServerClient(named(fake, "chat"), QUICK), chats(9), cache)
        assert "revision" in caught.value.hint
        assert len(ask(ServerClient(named(fake, "chat"), QUICK, revision="70B"), chats(9), cache)) == 9
        fake.models = None  # says nothing: then the name is all there is
        assert len(ask(ServerClient(named(fake, "chat"), QUICK), chats(9), cache)) == 9


def test_a_whole_cache_needs_no_server(serving: Serving, cache: AnswerCache) -> None:
    with serving(echo) as fake:
        found = ask(ServerClient(fake.name, QUICK), chats(5), cache)
    assert ask(ServerClient(fake.name, QUICK), chats(5), cache) == found
