"""The plan of a step: groups stay together, all rows come equally often, long batches come evenly spread."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drama.errors import DramaError
from drama.records import Example, read_examples
from drama.retriever import Retriever
from drama.train.batches.order import consecutive
from drama.train.batches.sampler import Sampler, Stream, cut
from drama.train.batches.settings import BatchSettings
from drama.workspace import read_events, read_manifest


def examples(kinds: str, lengths: list[int]) -> list[Example]:
    """One example a letter; document `d5-17` has 17 tokens."""
    return [
        Example(f"q{i}", f"{i}?", [f"d{i}-{lengths[i % len(lengths)]}"], [], [], [], kind)
        for i, kind in enumerate(kinds)
    ]


def sampler(rows: list[Example], **values: object) -> Sampler:
    settings = BatchSettings.parse({"document_length": 16, **values}, "train.batch")
    documents = {i: [0] * int(i.split("-")[1]) for e in rows for i in e.positive_ids}
    return Sampler(rows, documents, settings, steps=40, seed=5)


@given(st.lists(st.integers(2, 9), min_size=1, max_size=4), st.integers(2, 5), st.integers(1, 4))
def test_each_batch_is_of_one_group_whose_rows_come_equally_often(
    sizes: list[int], size: int, passes: int
) -> None:
    starts = [sum(sizes[:g]) for g in range(len(sizes))]
    groups = [list(range(start, start + n)) for start, n in zip(starts, sizes, strict=True)]
    stream = Stream(groups, size, [1])
    batches = [stream.rows(index) for index in range(passes * sum(-(-n // size) for n in sizes))]
    for rows in batches:
        assert any(set(rows) <= set(group) and len(rows) == min(size, len(group)) for group in groups)
    seen = Counter(row for rows in batches for row in rows)
    for group in groups:
        counts = [seen[row] for row in group]
        assert passes <= min(counts) <= max(counts) <= min(counts) + 1


def test_batches_are_alike_in_the_traits_of_by() -> None:
    rows = examples("ababbbab", [8])
    plans = [sampler(rows, size=3, by=["kind"]).plan(step).rows for step in range(12)]
    assert all(len({rows[r].kind for r in plan}) == 1 for plan in plans)
    assert Counter(rows[plan[0]].kind for plan in plans) == {"a": 4, "b": 8}
    mixed = [sampler(rows, size=3).plan(step).rows for step in range(12)]
    assert mixed == [consecutive(len(rows), 3, [5, 0], step) for step in range(12)]
    with pytest.raises(DramaError, match="1 usable examples of kind 'c', a batch needs 2"):
        sampler(examples("abcab", [8]), by=["kind"])


@given(
    st.lists(st.tuples(st.integers(6, 30), st.floats(0.5, 4.0)), min_size=2, max_size=4), st.integers(2, 12)
)
def test_weights_compose_each_batch(groups: list[tuple[int, float]], size: int) -> None:
    """Shares are kept to one example a batch, no row is in it twice, in a group all come equally often."""
    kinds = "".join(letter * n for letter, (n, _) in zip("abcd", groups, strict=False))
    rows = examples(kinds, [8])
    shares = {letter: share for letter, (_, share) in zip("abcd", groups, strict=False)}
    places = {kind: size * share / sum(shares.values()) for kind, share in shares.items()}
    assume(all(kinds.count(kind) >= places[kind] + 1 for kind in shares))
    made = sampler(rows, size=size, weights={"by": "kind", "shares": shares})
    plans = [made.plan(step).rows for step in range(40)]
    for plan in plans:
        assert len(plan) == len(set(plan)) == size
        for kind in shares:
            assert abs(sum(rows[r].kind == kind for r in plan) - places[kind]) < 1 + 1e-6
    seen = Counter(row for plan in plans for row in plan)
    for kind in shares:
        counts = [seen[row] for row, example in enumerate(rows) if example.kind == kind]
        assert max(counts) - min(counts) <= 1
        assert sum(counts) == pytest.approx(40 * places[kind], abs=3)


def test_weights_give_groups_their_turns() -> None:
    rows = examples("ab" + "c" * 8, [8])
    rows = [
        e._replace(kind=e.kind.replace("a", "b"), lang="en" if r < 7 else "fi") for r, e in enumerate(rows)
    ]
    weights = {"by": "kind", "shares": {"b": 3, "c": 1}}
    made = sampler(rows, size=2, by=["kind", "lang"], weights=weights)
    plans = [made.plan(step).rows for step in range(40)]
    turns = [(rows[plan[0]].kind, rows[plan[0]].lang) for plan in plans]
    assert all(
        {(rows[r].kind, rows[r].lang) for r in plan} == {turn}
        for plan, turn in zip(plans, turns, strict=True)
    )
    assert Counter(kind for kind, _ in turns)["b"] == pytest.approx(30, abs=2)
    assert 0 < Counter(turns)["c", "fi"] < Counter(turns)["c", "en"]
    assert all(turns[i : i + 2] != [("c", "en")] * 2 for i in range(39))  # evenly spread


def test_a_temperature_evens_languages_out() -> None:
    rows = [e._replace(lang="en" if e.kind == "a" else "fi") for e in examples("a" * 18 + "b" * 2, [8])]
    weights = {"by": "lang", "temperature": 2.0}
    made = sampler(rows, size=4, weights=weights)
    assert all(sum(rows[r].lang == "en" for r in made.plan(step).rows) == 3 for step in range(40))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"by": "kind", "shares": {"a": 1}}, "kind 'b' has no share.*\n.*name each of a, b"),
        ({"by": "kind", "shares": {"a": 1, "b": 1, "c": 1}}, "kind 'c' is not among the examples"),
        ({"by": "kind", "shares": {"a": 1, "b": 3}}, "3 of a batch's 4 .* kind 'b', which has 2"),
        ({"by": "kind"}, "either shares or a temperature"),
        ({"by": "kind", "shares": {"a": 0, "b": 1}}, "must be above 0"),
        ({"by": "lang", "temperature": 2.0, "batch_by": ["kind"]}, "can't be weighted by lang"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_refused(weights: dict[str, Any], message: str) -> None:
    batch_by = weights.pop("batch_by", [])
    with pytest.raises(DramaError, match=message):
        sampler(examples("aaabb", [8]), size=4, weights=weights, by=batch_by)


@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
def test_long_batches_are_evenly_spread_and_of_long_documents(share: float) -> None:
    rows = examples("aaaaaa", [8, 17, 16])
    long = {"share": share, "document_length": 32, "size": 2}
    made = sampler(rows, size=4, long=long)
    plans = [made.plan(step) for step in range(40)]
    chosen = [plan for plan in plans if plan.document_length == 32]
    assert len(chosen) == 40 * share
    assert {row for plan in chosen for row in plan.rows} == {1, 4}
    usual = [plan.rows for plan in plans if plan.document_length == 16]
    assert usual == [consecutive(len(rows), 4, [5, 0], step) for step in range(len(usual))]
    with pytest.raises(DramaError, match="0 examples have a positive of more than 16 tokens"):
        sampler(examples("aaa", [8, 16]), long=long)


@pytest.mark.parametrize("length", [4, 9, 200])
def test_cutting_ids_is_cutting_texts(tiny_llm: Path, texts: list[str], length: int) -> None:
    retriever = Retriever.from_llm(tiny_llm)
    whole = retriever.tokens(texts, "document", 512)
    assert [cut(ids, length) for ids in whole] == retriever.tokens(texts, "document", length)


def test_some_batches_are_long(inputs: Any, tmp_path: Path) -> None:
    long = {"share": 0.25, "document_length": 64, "size": 2}
    out = inputs.train(tmp_path / "out", batch={"document_length": 12, "by": ["kind"], "long": long})
    events = read_events(out / "events.jsonl")
    assert [e["document_length"] for e in events] == [12, 12, 12, 64] * 3
    assert [e["queries"] for e in events] == [4, 4, 4, 2] * 3
    assert read_manifest(out).counts["examples: sent"] == len(list(read_examples(inputs.examples)))


def test_long_batches_must_be_longer() -> None:
    with pytest.raises(DramaError, match="not above document_length"):
        BatchSettings.parse({"long": {"share": 0.1, "document_length": 64, "size": 2}}, "train.batch")
