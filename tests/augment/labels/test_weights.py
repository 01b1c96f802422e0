"""Weights of teachers: one that ranks at random gets none, whatever the scale of its cosines."""

from pathlib import Path

import numpy as np
import pytest

from drama.augment import AugmentSettings, augment
from drama.augment.labels.weights import HeldOut, Probe, find_weights, hold_out
from drama.records import Document, Passages, write_passages
from drama.retriever import Blocks
from drama.workspace import VectorReader

N, Q, D = 400, 60, 24
HELD = [HeldOut(5 * i, "", "") for i in range(Q)]


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def probe(seed: int, noise: float, narrow: float = 0.0) -> Probe:
    """A teacher whose sentences are their documents and some noise; `narrow` brings all cosines near 1."""
    rng = np.random.default_rng(seed)
    documents = rng.normal(size=(N, D))
    sentences = documents[[h.row for h in HELD]] + noise * rng.normal(size=(Q, D))
    constant = [np.full((len(v), 1), narrow * D**0.5) for v in (documents, sentences)]
    documents, sentences = (
        unit(np.hstack([unit(v) * D**0.5, c])) for v, c in zip((documents, sentences), constant, strict=True)
    )
    blocks = Blocks([documents[:150], lambda: documents[150:]])
    return Probe(sentences, documents[[h.row for h in HELD]], blocks)


def test_a_teacher_that_ranks_at_random_gets_no_weight() -> None:
    found = find_weights({"noise": probe(1, 1e6), "good": probe(2, 1.5)}, HELD)
    assert found.weights == {"noise": 0.0, "good": 1.0}
    assert found.scales == found.weights
    assert found.ranks["all"] == found.ranks["good"] > 0.3 > found.ranks["noise"]


@pytest.mark.parametrize("narrow", [0.0, 3.0])
def test_teachers_that_help_each_other_share_whatever_their_scale(narrow: float) -> None:
    found = find_weights({"first": probe(2, 2.2), "second": probe(3, 2.2, narrow)}, HELD)
    assert min(found.weights.values()) >= 0.2
    assert found.ranks["all"] > max(found.ranks["first"], found.ranks["second"]) + 0.05
    if narrow:  # its cosines are near to each other, so they count for more
        assert found.scales["second"] > found.weights["second"]
    assert sum(found.scales.values()) == pytest.approx(1)


def test_ranks_are_those_of_a_sorted_list() -> None:
    one = probe(2, 2.2)
    documents = np.concatenate([*one.documents_ND.parts()])
    scores = one.sentences_QD @ documents.T
    expected = []
    for q, held in enumerate(HELD):
        own = one.sentences_QD[q] @ one.rests_QD[q]
        rank = 1 + sum(scores[q, n] > own for n in range(N) if n != held.row)
        expected.append(1 / rank if rank <= 10 else 0)
    assert find_weights({"one": one}, HELD).ranks["one"] == pytest.approx(np.mean(expected), abs=1e-3)


WORDS = ["wing", "lift", "drag", "sugar", "yeast", "bread", "tide", "moon", "coast", "poem", "verse", "rhyme"]


def corpus(folder: Path, count: int) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(count):
        topic = [str(w) for w in rng.choice(WORDS, 3, replace=False)]
        sentences = [f"The {w} and the {rng.choice(topic)} are near the number {i}." for w in topic]
        rows.append(Document(f"d{i}", "", " ".join(sentences), "en"))
    write_passages(folder / "passages.parquet", rows)
    return folder / "passages.parquet"


def test_the_sentence_is_taken_out(tmp_path: Path) -> None:
    passages = Passages(corpus(tmp_path, 50))
    held = hold_out(passages, seed=1)
    assert len(held) == 50
    documents = list(passages)
    for each in held:
        text = documents[each.row].text
        assert each.sentence in text
        assert each.sentence not in each.rest
        assert sorted(each.rest.split() + each.sentence.split()) == sorted(text.split())
    assert held == hold_out(passages, seed=1) != hold_out(passages, seed=2)
    assert hold_out(Passages(corpus(tmp_path, 20)), seed=1) == []


def settings(**label: object) -> AugmentSettings:
    label = {"keep_vectors": True, "depth": 5, **label}
    return AugmentSettings.parse({"crop": {"per_document": 1, "min_words": 3}, "label": label}, "augment")


def test_kept_vectors_have_the_mixtures_cosines(
    bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passages = corpus(tmp_path, 60)
    how = settings(retrievers=[str(bert), "lsa"], weights="auto")
    made = augment(how, passages, tmp_path / "both", seed=3)
    weights = made.figures["teachers"]["weights"]
    assert set(weights) == {str(bert), "lsa"}
    assert "held-out sentences" in capsys.readouterr().err
    _, joined = VectorReader(tmp_path / "both/teacher/documents").load()
    norms = np.linalg.norm(np.asarray(joined, np.float32), axis=1)
    np.testing.assert_allclose(norms, 1.0, atol=2e-3)
    # the untrained encoder is of no use beside LSA here
    assert weights == {str(bert): 0.0, "lsa": 1.0}
    alone = augment(settings(retrievers=["lsa"]), passages, tmp_path / "alone", seed=3)
    _, lsa = VectorReader(tmp_path / "alone/teacher/documents").load()
    np.testing.assert_allclose(np.asarray(joined), np.asarray(lsa), atol=1e-3)
    assert "teachers" not in alone.figures


def test_too_few_documents_leave_the_weights_equal(
    bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = settings(retrievers=["bm25", str(bert), "lsa"], weights="auto")
    made = augment(how, corpus(tmp_path, 12), tmp_path / "out")
    assert "teachers" not in made.figures
    assert "too few documents of three sentences" in capsys.readouterr().err
