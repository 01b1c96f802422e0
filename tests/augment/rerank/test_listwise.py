"""Parsing, sliding windows, and the listwise reranker over an LLM whose answers are scripted."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.augment.prompts.list_prompt import ListPrompt
from drama.augment.rerank.listwise import Listwise, parse_ranking
from drama.augment.rerank.sliding import SlidingReranker, Window, WindowOrder, window_spans
from drama.errors import DramaError
from drama.llm import Answer, AnswerCache, Messages, Sampling, Usage, chunks
from drama.llm.chat import BatchModel

OUTCOMES = {"ok", "not a ranking", "foreign identifiers", "repeated identifiers", "missing identifiers"}


class Scripted(BatchModel):
    """A chat LLM whose answer is a function of the prompt."""

    name = identity = "scripted"

    def __init__(self, answer: Callable[[str], str], longest: int = 10**6) -> None:
        self.answer, self.longest, self.usage = answer, longest, Usage()

    def fits(self, prompt: Messages, new: int = 0) -> bool:
        return len(prompt[-1]["content"]) <= self.longest

    def together(self, batch_size: int) -> int:
        return batch_size

    def generate(
        self, prompts: Iterable[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[Answer]]:
        assert sampling.temperature == 0
        for batch in chunks(prompts, batch_size):
            self.usage.requests += len(batch)
            yield [Answer(self.answer(p[-1]["content"])) for p in batch]


def by_number(prompt: str) -> str:
    """The order of texts like `value 7`, largest first, as a perfect LLM would write it."""
    found = re.findall(r"^\[(\d+)\] value (\d+)$", prompt, re.MULTILINE)
    return " > ".join(f"[{i}]" for i, _ in sorted(found, key=lambda pair: -int(pair[1])))


@given(st.text(alphabet="[]> 0123456789x\n") | st.text(), st.integers(1, 25))
def test_any_answer_has_an_outcome_and_only_ok_moves_anything(answer: str, size: int) -> None:
    found = parse_ranking(answer, size)
    assert found.outcome in OUTCOMES
    assert sorted(found.order) == list(range(size))
    assert found.outcome == "ok" or found.order == list(range(size))


@given(st.integers(1, 60), st.integers(2, 20), st.data())
def test_windows_cover_the_list_and_a_perfect_window_brings_up_the_best(
    length: int, window: int, data: st.DataObject
) -> None:
    step = data.draw(st.integers(1, window - 1))
    values = data.draw(st.permutations(range(length)))
    assert {i for a, b in window_spans(length, window, step) for i in range(a, b)} == {*range(length)}

    class Perfect(SlidingReranker):
        def order(self, windows: list[Window]) -> list[WindowOrder]:
            orders = [sorted(range(len(w.texts)), key=lambda i: -int(w.texts[i])) for w in windows]
            return [WindowOrder(order, "ok") for order in orders]

    (found,) = Perfect(None, None, None, 1, window, step).rerank(["q"], [[str(v) for v in values]])
    assert sorted(found.order) == list(range(length))
    # At least as many texts as the windows overlap by climb with them.
    best = min(window - step, length)
    assert [values[i] for i in found.order[:best]] == sorted(values, reverse=True)[:best]
    assert found.scores == sorted(found.scores, reverse=True)


def test_listwise_asks_once_and_counts_what_is_no_order(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.sqlite")
    prompt = ListPrompt.load("listwise", "rerank")
    lists = [[f"value {(7 * i) % 11}" for i in range(n)] for n in (10, 4, 10)]
    queries = ["tea", "{passages}", "oops"]

    def answer(text: str) -> str:
        return "[1] > [1]" if "oops" in text and "value 0" in text else by_number(text)

    llm = Scripted(answer)
    results = list(Listwise(llm, prompt, cache, 2, 4, 2).rerank(queries, lists))
    assert [lists[0][i] for i in results[0].order[:2]] == ["value 10", "value 9"]
    assert [lists[1][i] for i in results[1].order] == sorted(lists[1], key=lambda t: -int(t[6:]))
    assert results[0].outcomes == ["ok"] * 4
    assert results[1].outcomes == ["ok"]
    assert "repeated identifiers" in results[2].outcomes
    assert llm.usage.requests == 9
    again = Scripted(answer)
    assert list(Listwise(again, prompt, cache, 2, 4, 2).rerank(queries, lists)) == results
    assert again.usage.requests == 0

    short = Scripted(answer, longest=50)
    (refused,) = Listwise(short, prompt, cache, 2, 4, 2).rerank(["new"], [lists[1]])
    assert refused.outcomes == ["too long for the LLM"]
    assert refused.order == [0, 1, 2, 3]
    assert short.usage.requests == 0


def test_list_prompts_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("system: s\nuser: '{query}'\npassage: '{id} {text}'\n")
    with pytest.raises(DramaError, match=r"user holds no \{passages\}"):
        ListPrompt.load(str(path), "rerank")
    with pytest.raises(DramaError, match="no prompt 'listwize'"):
        ListPrompt.load("listwize", "rerank")
