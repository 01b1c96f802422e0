"""Batches are a function of (seed, step): each example once a pass, no known positive as a negative."""

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from drama.records import Example
from drama.train.batches.batch import Batch, draw_batch
from drama.train.batches.order import consecutive


def examples(n: int) -> list[Example]:
    return [
        Example(
            f"q{i}",
            f"{i}?",
            [f"d{i}", f"d{i + 1}"],
            [f"d{i + 2}", f"d{i + 3}"],
            [],
            [],
            "sent",
            origin=f"d{i}",
        )
        for i in range(n)
    ]


def batch_of(rows: list[Example], size: int, negatives: int, seed: int, step: int) -> Batch:
    """A step's batch over all examples."""
    return draw_batch(rows, consecutive(len(rows), size, [seed, 0], step), negatives, seed, step)


@given(st.integers(2, 40), st.integers(2, 12), st.integers(0, 3), st.integers(0, 5), st.integers(0, 30))
def test_batch_rules(n: int, size: int, negatives: int, seed: int, step: int) -> None:
    rows = examples(n)
    batch = batch_of(rows, size, negatives, seed, step)
    assert len(batch.examples) == len(set(batch.examples)) == min(size, n)
    assert len(set(batch.documents)) == len(batch.documents)
    for b, row in enumerate(batch.examples):
        drawn = batch.documents[batch.positive_B[b]]
        assert drawn in rows[row].positive_ids
        assert not batch.mask_BN[b, batch.positive_B[b]]
        for column, document in enumerate(batch.documents):
            known = document in rows[row].positive_ids and document != drawn
            assert batch.mask_BN[b, column] == known
    again = batch_of(rows, size, negatives, seed, step)
    assert again.documents == batch.documents


def test_every_example_comes_once_a_pass() -> None:
    rows = examples(12)
    seen = Counter(r for step in range(6) for r in batch_of(rows, 4, 1, 7, step).examples)
    assert set(seen.values()) == {2}


def test_draws_are_fresh_at_each_visit() -> None:
    rows = examples(4)
    drawn = {tuple(sorted(batch_of(rows, 4, 1, 0, step).documents)) for step in range(12)}
    assert len(drawn) > 1


def test_two_rows_of_one_query_know_each_others_positives() -> None:
    rows = [
        Example("qgen-0", "why?", ["d0"], ["d5"], [], [], "qgen", origin="d0"),
        Example("rerank-0", "why?", ["d1"], ["d5"], [], [], "rerank", origin="d0"),
        Example("qgen-1", "how?", ["d2"], ["d5"], [], [], "qgen", origin="d2"),
    ]
    batch = batch_of(rows, 3, 1, 0, 0)
    masked = {
        (rows[row].id, batch.documents[column])
        for b, row in enumerate(batch.examples)
        for column in batch.mask_BN[b].nonzero()[0]
    }
    assert masked == {("qgen-0", "d1"), ("rerank-0", "d0")}


def test_drawn_documents_carry_their_scores() -> None:
    rows = [e._replace(positive_scores=[0.9, 0.8], negative_scores=[0.2, 0.1]) for e in examples(6)]
    rows[2] = rows[2]._replace(negative_scores=[])
    batch = draw_batch(rows, [0, 2, 4], 1, 0, 3)
    assert batch.scored_B[1] == []
    for row, own in ((0, batch.scored_B[0]), (4, batch.scored_B[2])):
        scores = dict(zip(rows[row].positive_ids, [0.9, 0.8], strict=True))
        scores |= zip(rows[row].negative_ids, [0.2, 0.1], strict=True)
        assert len(own) == 2
        assert all(score == scores[batch.documents[column]] for column, score in own)


def test_a_query_without_a_score_of_a_drawn_document_has_none() -> None:
    nan = math.nan
    rows = [e._replace(positive_scores=[0.9, 0.8], negative_scores=[0.2, 0.1]) for e in examples(6)]
    rows[2] = rows[2]._replace(positive_scores=[nan, nan])
    rows[4] = rows[4]._replace(negative_scores=[nan, nan])
    for step in range(3):
        batch = draw_batch(rows, [0, 2, 4], 1, 0, step)
        assert [len(own) for own in batch.scored_B] == [2, 0, 0]
