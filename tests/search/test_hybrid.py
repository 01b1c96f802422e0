"""BM25's bound, hybrid fusion by it, smoothed documents, smoothed BM25: each against its formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.records import Document, Hit, rank
from drama.search import BM25, LSA, SmoothingSettings, hybrid, smooth
from drama.search.fusion import hybrid_rows
from drama.search.smoothed import SmoothedBM25
from drama.search.smoothing import nearest


def documents(texts: list[str]) -> list[Document]:
    return [Document(f"d{i}", "", text, "en") for i, text in enumerate(texts)]


def test_no_document_scores_above_bm25s_bound(texts: list[str]) -> None:
    bm25 = BM25.build(documents([*texts, "wing " * 400]))
    queries = ["the wing of an aircraft", "wing wing", "sugar and gas", "nothing known: zzz"]
    bounds = bm25.bounds(queries)
    for query, bound in zip(queries, bounds, strict=True):
        scores_N = bm25.scores(query)
        assert scores_N.max() <= bound
    assert bm25.scores("wing").max() > 0.95 * bm25.bounds(["wing"])[0]  # a text of one word comes near to it
    assert bounds[1] == pytest.approx(2 * bm25.bounds(["wing"])[0])
    assert bounds[3] == 0


def test_search_ranks_by_the_scores(texts: list[str]) -> None:
    bm25 = BM25.build(documents(texts))
    scores_N = bm25.scores("blood and bread")
    (hits,) = bm25.search(["blood and bread"], k=9)
    assert hits == rank({f"d{i}": float(s) for i, s in enumerate(scores_N) if s > 0})


def test_hybrid_is_the_weighted_sum() -> None:
    dense, words = rank({"a": 0.8, "b": 0.6, "c": 0.1}), rank({"b": 4.0, "d": 2.0})
    found = {hit.document_id: hit.score for hit in hybrid(dense, words, 8.0, 0.75, k=9)}
    assert found == pytest.approx(
        {
            "a": 0.75 * 0.8,
            "b": 0.75 * 0.6 + 0.25 * 4 / 8,
            "c": 0.75 * 0.1,
            "d": 0.75 * 0.1 + 0.25 * 2 / 8,  # the dense list ends at 0.1
        }
    )
    assert [hit.document_id for hit in hybrid(dense, [], 0.0, 0.75, k=2)] == ["a", "b"]
    assert [hit.document_id for hit in hybrid([], words, 8.0, 0.75, k=2)] == ["b", "d"]


@given(st.integers(0, 9), st.integers(0, 9), st.floats(0, 1), st.booleans(), st.integers(0, 9999))
def test_hybrid_by_rows_is_hybrid_by_ids(
    nearest: int, found: int, share: float, known: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    bound = 9.0 if known else 0.0
    dense = np.sort(rng.random(nearest).astype(np.float32))[::-1]
    words = np.sort(rng.integers(1, 9, found).astype(np.float32))[::-1]
    dense_rows, words_rows = rng.permutation(15)[:nearest], rng.permutation(15)[:found]
    plain = hybrid(
        [Hit(f"d{r:02}", float(s), i) for i, (r, s) in enumerate(zip(dense_rows, dense, strict=True), 1)],
        [Hit(f"d{r:02}", float(s), i) for i, (r, s) in enumerate(zip(words_rows, words, strict=True), 1)],
        bound, share, k=5,
    )  # fmt: skip
    rows, scores = hybrid_rows((dense_rows, dense), (words_rows, words), bound, share)
    assert rank(((f"d{r:02}", float(s)) for r, s in zip(rows, scores, strict=True)), 5) == plain


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 99))
def test_smoothing_equals_the_plain_formula(count: int, neighbours: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    settings = SmoothingSettings(neighbours=neighbours, share=0.3)
    found = np.concatenate(list(smooth(vectors, settings)))
    for row, own in enumerate(vectors):
        others = sorted((i for i in range(count) if i != row), key=lambda i: -float(vectors[i] @ own))
        expected = own.copy()
        if others:
            expected = 0.7 * own + 0.3 * vectors[others[:neighbours]].mean(axis=0)
            expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_neighbours_are_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((50, 8)).astype(np.float32)
    whole = {row: set(nearest(vectors, vectors[row : row + 1], row, 4)[0].tolist()) for row in range(50)}
    monkeypatch.setattr("drama.search.smoothing._COLUMNS", 7)
    for start in (0, 10, 40):
        for row, found in enumerate(nearest(vectors, vectors[start : start + 10], start, 4).tolist(), start):
            assert set(found) == whole[row]
            assert row not in found


def test_a_zero_vector_stays_zero_and_is_nobodys_neighbour() -> None:
    vectors = np.array([[0, 0], [1, 0], [-1, 0], [-0.6, 0.8]], dtype=np.float32)
    found = np.concatenate(list(smooth(vectors, SmoothingSettings(neighbours=1, share=0.5))))
    assert not found[0].any()
    np.testing.assert_allclose(
        found[1], (vectors[1] + vectors[3]) / np.linalg.norm(vectors[1] + vectors[3]), atol=1e-6
    )


def test_smoothed_bm25_equals_the_plain_formula(texts: list[str]) -> None:
    corpus = documents([*texts, *(f"{text} Again, {text[4:30]}" for text in texts)])
    found = SmoothedBM25.build(corpus, neighbours=2, share=0.7)
    vectors = LSA.build(corpus).encode_documents([d.full_text for d in corpus])
    own = BM25.build(corpus).scores("the wing of the aircraft")
    expected = {}
    for row, document in enumerate(corpus):
        order = sorted(
            (i for i in range(len(corpus)) if i != row), key=lambda i: -float(vectors[i] @ vectors[row])
        )
        expected[document.id] = 0.7 * float(own[row]) + 0.3 * float(own[order[:2]].mean())
    (hits,) = found.search(["the wing of the aircraft"], k=5)
    best = rank({name: value for name, value in expected.items() if value > 0}, 5)
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in best], abs=1e-5)
