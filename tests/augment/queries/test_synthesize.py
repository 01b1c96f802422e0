"""Which documents are asked about, and that a corpus is streamed."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from drama.augment import SynthesizeSettings
from drama.augment.context import Context
from drama.augment.queries import synthesize as module
from drama.augment.queries.synthesize import _choose
from drama.llm import cached as cached_module
from drama.records import Document
from drama.servers.settings import ServerSettings

Serving = Callable[..., AbstractContextManager[Any]]


class Counted:
    """Documents that count how many were read."""

    def __init__(self, count: int) -> None:
        self.count, self.read = count, 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Document]:
        for number in range(self.count):
            self.read += 1
            yield Document(f"d{number}", "", f"text {number} " + "word " * (number % 7), "en", "s")


@pytest.mark.parametrize("count", [1, 5, 50, 100, 200])
def test_the_choice_is_exact_seeded_and_even(count: int) -> None:
    documents = Counted(100)
    chosen = [[d.id for d in _choose(documents, count, seed)] for seed in range(400)]
    assert all(len(ids) == len({*ids}) == min(count, 100) for ids in chosen)
    assert chosen[7] == [d.id for d in _choose(documents, count, 7)]
    often = Counter(i for ids in chosen for i in ids)
    expected = 4 * min(count, 100)
    assert all(abs(often[f"d{n}"] - expected) <= 5 * max(2, expected**0.5) for n in range(100))


def test_similar_lengths_are_together_within_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TOGETHER", 20)
    lengths = [len(d.text) for d in _choose(Counted(60), 60, 0)]
    assert lengths != sorted(lengths)
    for start in (0, 20, 40):
        assert lengths[start : start + 20] == sorted(lengths[start : start + 20])


def test_a_corpus_is_streamed(serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents ahead of the query that is handed on are bounded, however many there are."""
    monkeypatch.setattr(module, "_TOGETHER", 32)
    monkeypatch.setattr(cached_module, "WINDOW", 32)

    def reply(number: int, _: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        text = f"why does nobody hear {random.Random(number).random()}"
        return 200, {}, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}

    documents = Counted(400)
    with serving(reply) as fake:
        settings = SynthesizeSettings(documents=400, llm=fake.name, language_check="none")
        outcomes: Counter[str] = Counter()
        context = Context(tmp_path, tmp_path, 0, lambda name: outcomes.update([name]), {}, ServerSettings())
        ahead = [
            documents.read - number for number, _ in enumerate(settings.make(documents, context), start=1)
        ]
    assert len(ahead) == 400
    assert max(ahead) <= 2 * 32 + 1
    assert outcomes == {"qgen: ok": 400}
    assert len((tmp_path / "generated.jsonl").read_text().splitlines()) == 400
