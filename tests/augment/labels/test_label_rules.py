"""Rules of the settings and of labelling: what is refused, and what is left out and counted."""

from collections import Counter
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from drama.augment import AugmentSettings, augment
from drama.augment.candidate import Candidate
from drama.augment.labels.histogram import Histogram
from drama.augment.labels.label import label
from drama.augment.labels.rankings import HitList, RankedQuery, rank_corpus
from drama.augment.labels.settings import LabelSettings
from drama.errors import DramaError
from drama.records import Document, Example, Hit, Passages, Texts, read_examples, write_passages
from drama.retriever import EmbeddingStore, load_encoder
from drama.workers import RaySettings

WORDS = ["wing", "blood", "book", "river", "bread", "ocean", "hall", "code"]


@pytest.fixture
def passages(tmp_path: Path) -> Path:
    path = tmp_path / "passages.parquet"
    rows = [
        Document(f"d{i}", "", f"The {w} is older than any {WORDS[i - 1]} that we know of here.", "en", "s")
        for i, w in enumerate(WORDS)
    ]
    write_passages(path, rows)
    return path


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"crop": {"min_words": 9, "max_words": 8}}, "min_words 9 is above max_words 8"),
        ({"label": {"retrievers": []}}, "label.retrievers: must name at least one"),
        ({"label": {"retrievers": ["bm25", "bm25"]}}, "label.retrievers: must name .* each once"),
        ({"label": {"positive_ranks": [3, 1]}}, "not a range of ranks"),
        ({"label": {"positive_ranks": [0, 1]}}, "not a range of ranks"),
        ({"label": {"negative_ranks": [5, 50]}}, "after the last"),
        ({"label": {"keep_vectors": True}}, "needs a dense model"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(DramaError, match=message):
        AugmentSettings.parse(section, "augment")


@pytest.mark.parametrize("judged", [(), ("far", "d1")])
def test_a_positive_that_no_retriever_found_has_no_score(judged: tuple[str, ...]) -> None:
    hits = [Hit(f"d{i}", 1.0 - i / 10, i + 1) for i in range(4)]
    settings = LabelSettings(positive_ranks=None, negative_ranks=(1, 3), scale_to_corpus=False)
    candidate = Candidate("q", "?", "sent", "far", "en", "s", judged)
    scores = Histogram()
    ranked = RankedQuery(candidate, 0, HitList.of(hits))
    [row] = label([ranked], 9, settings, lambda outcome: None, scores)
    found = dict(zip(row.positive_ids, row.positive_scores, strict=True))
    assert isnan(found.pop("far"))
    assert found == ({"d1": 0.9} if judged else {})
    assert row.negative_ids == (["d0", "d2"] if judged else ["d0", "d1", "d2"])
    assert sum(scores.figures()["counts"].get("positives", [])) == len(found)


def test_a_query_without_positives_is_left_out_and_counted(passages: Path, tmp_path: Path) -> None:
    label = {"positive_ranks": [3, 3], "negative_ranks": [4, 6], "scale_to_corpus": False}
    section = {"label": {**label, "origin_is_positive": False}}
    manifest = augment(AugmentSettings.parse(section, "augment"), passages, tmp_path / "a")
    rows = list(read_examples(tmp_path / "a/examples.parquet"))
    assert all(row.positive_ids for row in rows)
    assert all(row.origin not in row.negative_ids for row in rows)
    left_out = manifest.counts.get("label: no positive found, left out", 0)
    assert manifest.counts["label: ok"] + left_out == manifest.counts["sent: made"] == 8

    lonely = tmp_path / "lonely.parquet"
    write_passages(lonely, [Document("x", "", "One lonely sentence stands in here alone.", "en", "s")])
    section["label"] |= {"positive_ranks": [1, 1]}
    assert augment(AugmentSettings.parse(section, "augment"), lonely, tmp_path / "b").counts["label: ok"] == 1


def test_actors_compute_in_the_precision_of_the_encoder_that_names_the_vectors(
    tiny_llm: Path, passages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(tiny_llm, precision="bf16")  # as `auto` is on a GPU, and not on every actor
    monkeypatch.setattr("drama.augment.labels.teacher.load_encoder", lambda *_: encoder)
    given: list[Any] = []
    monkeypatch.setattr("drama.augment.labels.teacher.RayEncoding", lambda *how: given.append(how))
    nothing = HitList.of([])
    monkeypatch.setattr("drama.augment.labels.rankings._searched", lambda make, queries, ray: [nothing])
    settings = LabelSettings(retrievers=[str(tiny_llm)], precision="fp32")
    query = Candidate("q", "?", "sent", "d0", "en", "s")
    store = tmp_path / "store"
    _, vectors = rank_corpus([query], [], Passages(passages), settings, store, ray=RaySettings())
    assert [how[2:4] for how in given] == [("bf16", encoder.fingerprint)]
    assert len(vectors.models) == 1
    named = EmbeddingStore(store)
    named.documents(encoder, Texts(Passages(passages)))
    assert named.encoded == 0  # all are there under this encoder's fingerprint


def labelled(scores: list[float]) -> tuple[list[Example], Counter[str]]:
    """A crop's and a judged query's labels by one ranking of d0, d1, …; the crop is of d2."""
    hits = HitList.of([Hit(f"d{i}", score, i + 1) for i, score in enumerate(scores)])
    settings = LabelSettings(positive_ranks=(1, 1), negative_ranks=(2, 3), scale_to_corpus=False)
    made, judged = Candidate("q", "!!!", "sent", "d2"), Candidate("j", "!!!", "judged", "", judged=("d1",))
    counts: Counter[str] = Counter()
    ranked = [RankedQuery(made, 0, hits), RankedQuery(judged, 1, hits)]
    return [*label(ranked, 9, settings, lambda name: counts.update([name]), Histogram())], counts


def test_a_query_that_finds_nothing_has_only_the_labels_of_people() -> None:
    [row], counts = labelled([])
    assert (row.id, row.positive_ids, row.negative_ids) == ("j", ["d1"], [])
    assert counts["label: nothing found for the query, left out"] == 1


def test_hits_that_all_score_the_same_are_no_labels() -> None:
    (made, judged), counts = labelled([7.5, 7.5, 7.5])
    assert (made.positive_ids, made.positive_scores, made.negative_ids) == (["d2"], [7.5], [])
    assert (judged.positive_ids, judged.negative_ids) == (["d1"], ["d2"])
    assert counts["label: all hits score the same, none taken by its rank"] == 1


def test_the_labels_of_lsa_leave_out_a_query_without_known_terms(tmp_path: Path) -> None:
    texts = ["wings give lift", "aircraft have wings", "yeast makes bread", "bread needs flour", "? ! ? !"]
    write_passages(tmp_path / "p.parquet", [Document(f"d{i}", "", t, "en") for i, t in enumerate(texts)])
    queries = [Candidate("q", "!!!", "sent", "d4"), Candidate("w", "wings", "sent", "d0")]
    settings = LabelSettings(retrievers=["lsa"])
    ranked, _ = rank_corpus(queries, [], Passages(tmp_path / "p.parquet"), settings, None)
    assert [bool(query.hits) for query in ranked] == [False, True]
    assert [row.id for row in label(ranked, 5, settings, lambda _: None, Histogram())] == ["w"]


def test_no_label_at_all_is_an_error(tmp_path: Path) -> None:
    # BM25 finds nothing for a query of stop words only, and the origin is not taken for granted.
    path = tmp_path / "stop.parquet"
    rows = [Document("a", "", "it is to be or not to be", "en"), Document("b", "", "wings lift", "en")]
    write_passages(path, rows)
    section = {"label": {"origin_is_positive": False}}
    with pytest.raises(DramaError, match="no positive for any query"):
        augment(AugmentSettings.parse(section, "augment"), path, tmp_path / "out")


def test_titles_repeats_and_scripts_without_spaces(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    rows = [
        Document("a", "the theory of wings in air", "The theory of wings in air.", "en"),
        Document("b", "short", "今日は晴れです。明日は雨が降るでしょう。", "ja"),
        Document("c", "", "Short one.", "en"),
    ]
    write_passages(path, rows)
    section = {"crop": {"per_document": 2, "min_words": 4, "titles": True}}
    manifest = augment(AugmentSettings.parse(section, "augment"), path, tmp_path / "out")
    found = {(row.kind, row.query): row.origin for row in read_examples(tmp_path / "out/examples.parquet")}
    assert found[("title", "the theory of wings in air")] == "a"
    assert found[("sent", "今日は晴れです。")] == "b"
    assert manifest.counts["sent: no sentence long enough"] == 1
    assert ("title", "short") not in found
