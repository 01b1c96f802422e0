"""Reranking with a real (tiny) LLM inside the stage: rows, counts, the cache, and what is refused."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from drama.augment import AugmentSettings, augment
from drama.augment.candidate import Candidate
from drama.augment.context import Context
from drama.augment.rerank.examples import rerank_examples
from drama.augment.rerank.reranker import Reranked
from drama.errors import DramaError
from drama.records import Document, Hit, Passages, read_examples, write_passages
from drama.servers.settings import ServerSettings
from drama.workspace import VectorReader


@pytest.fixture
def passages(tmp_path: Path, texts: list[str]) -> Path:
    path = tmp_path / "passages.parquet"
    write_passages(path, [Document(f"d{i}", "", text, "en", "s") for i, text in enumerate(texts)])
    return path


def section(tiny_llm: Path, **rerank: Any) -> AugmentSettings:
    values = {
        "label": {"retrievers": ["lsa"], "depth": 8, "keep_vectors": True},
        "rerank": {"llm": str(tiny_llm), "kinds": ["sent"], "depth": 6, "queries": 3, **rerank},
    }
    return AugmentSettings.parse(values, "augment")


@pytest.mark.parametrize(
    ("method", "windows"), [("likelihood", {}), ("first_identifier", {"window": 4, "step": 2})]
)
def test_reranked_rows_are_added_to_the_others(
    passages: Path, tiny_llm: Path, tmp_path: Path, method: str, windows: dict[str, int]
) -> None:
    settings = section(tiny_llm, method=method, **windows)
    manifest = augment(settings, passages, tmp_path / "out", 1, tmp_path / "store")
    rows = {row.id: row for row in read_examples(tmp_path / "out/examples.parquet")}
    reranked = [row for row in rows.values() if row.kind == "rerank"]
    assert len(rows) == 8 + 3
    assert len(reranked) == manifest.counts["rerank: ok"] == 3
    for row in reranked:
        assert rows[row.id.removeprefix("rerank-")].query == row.query
        assert len(row.positive_ids) == len(row.positive_scores) == 1
        assert row.origin not in row.negative_ids
        assert not {*row.positive_ids} & {*row.negative_ids}
        assert 3 <= len(row.negative_ids) <= 4  # ranks 3 to 6 of 6, less the origin
        assert all(score <= row.positive_scores[0] for score in row.negative_scores)
    assert {*VectorReader(tmp_path / "out/teacher/queries").load()[0]} == {*rows}
    lines = [json.loads(line) for line in (tmp_path / "out/reranked.jsonl").read_text().splitlines()]
    assert [line["documents"][0] for line in lines] == [row.positive_ids[0] for row in reranked]
    asked = manifest.figures["llm: rerank"]["requests"]
    assert asked == (18 if method == "likelihood" else 6)
    before = (tmp_path / "out/examples.parquet").read_bytes()
    again = augment(settings, passages, tmp_path / "again", 1, tmp_path / "store")
    assert again.figures["llm: rerank"]["requests"] == 0
    assert (tmp_path / "again/examples.parquet").read_bytes() == before


def test_a_document_is_scored_for_new_queries_only(passages: Path, tiny_llm: Path, tmp_path: Path) -> None:
    for name, queries, asked in (("few", 3, 18), ("more", 5, 12)):
        settings = section(tiny_llm, method="likelihood", queries=queries)
        manifest = augment(settings, passages, tmp_path / name, 1, tmp_path / "store")
        assert manifest.figures["llm: rerank"]["requests"] == asked
    few, more = (
        {row.id: row for row in read_examples(tmp_path / name / "examples.parquet") if row.kind == "rerank"}
        for name in ("few", "more")
    )
    assert len(more) == 5
    assert all(more[identity] == row for identity, row in few.items())


def test_a_list_with_a_window_in_the_retrievers_order_makes_no_row(passages: Path, tmp_path: Path) -> None:
    class Half:
        """Orders the windows of the first list, and one of two of the second."""

        def rerank(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> Iterator[Reranked]:
            yield Reranked([2, 1, 0], [1.0, 0.5, 0.3], ["ok", "ok"], ["", ""])
            yield Reranked([2, 0, 1], [1.0, 0.5, 0.3], ["not a ranking", "ok"], ["", ""])

    hits = [Hit(f"d{i}", 1.0 - i, i + 1) for i in range(3)]
    chosen = [(Candidate(name, name, "qgen", "d7", "en", "s"), hits) for name in ("first", "second")]
    counts: Counter[str] = Counter()
    context = Context(tmp_path, tmp_path, 0, lambda n: counts.update([n]), {}, ServerSettings())
    done = rerank_examples(chosen, Passages(passages), Half(), 50, context)
    assert [row.query for row in done] == ["first"]
    assert counts["rerank: a window was not ordered, left out"] == 1


def test_answers_that_are_no_order_make_no_row(
    passages: Path,
    tiny_llm: Path,
    tmp_path: Path,
    rewrite_answers: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = section(tiny_llm, method="listwise")
    manifest = augment(settings, passages, tmp_path / "out", 1, tmp_path / "store")
    assert "rerank, LLM: 3 of 3 answers were not finished" in " ".join(capsys.readouterr().err.split())
    assert manifest.counts["rerank, LLM: cut off"] == 3  # random weights write no ranking, and no end
    assert manifest.counts["rerank: a window was not ordered, left out"] == 3
    assert manifest.figures["examples"] == 8
    # The same, with answers in the cache that are one.
    ranking = "<think>\nThe last is best.\n</think>\n[6] > [5] > [4] > [3] > [2] > [1]"
    rewrite_answers(tmp_path / "store/answers.sqlite", lambda _: ranking)
    manifest = augment(settings, passages, tmp_path / "again", 1, tmp_path / "store")
    assert manifest.counts["rerank: ok"] == 3
    lines = [json.loads(line) for line in (tmp_path / "again/reranked.jsonl").read_text().splitlines()]
    assert all(line["outcomes"] == ["ok"] and len(line["answers"]) == 1 for line in lines)


@pytest.mark.parametrize(
    ("rerank", "message"),
    [
        ({"method": "likelihood", "window": 5}, "no window"),
        ({"method": "listwise", "window": 5, "step": 5}, "step 5 must be below window 5"),
        ({"method": "first_identifier", "window": 30}, "26 letters"),
        ({"method": "listwise", "depth": 60}, "above label.depth 50"),
        ({"method": "listwise", "kinds": ["qgen"]}, "no such query is made"),
        ({"method": "listwise", "kinds": []}, "kinds: must name"),
        ({"method": "listwise", "kinds": ["triplet"]}, "no query of kind 'triplet'"),
        ({"method": "listwize"}, "no method 'listwize'"),
        ({"method": "likelihood", "llm": "http://localhost/v1#m"}, "listwise only"),
        ({"method": "listwise", "llm": "http://localhost/v1"}, "names no model"),
        ({"method": "listwise", "llm": "http://localhost/v1#m", "precision": "bf16"}, "a server has its own"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(rerank: dict[str, Any], message: str) -> None:
    with pytest.raises(DramaError, match=message):
        AugmentSettings.parse({"rerank": {"kinds": ["sent"], **rerank}}, "augment")
