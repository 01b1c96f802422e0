"""Ranking rules, analysis per script, fusion, and the index folder."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.errors import DramaError, FileError
from drama.records import Document, rank
from drama.retriever import Retriever, RetrieverSettings
from drama.search import BM25, Index, build_index, encode_for_index, exact_search, fuse
from drama.search.analysis import analyse


@given(st.integers(0, 30), st.integers(1, 8), st.integers(1, 5), st.integers(0, 99))
def test_exact_search_equals_a_full_sort_with_ties_across_shards(
    documents: int, k: int, shard: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.integers(0, 3, size=(documents, 2)).astype(np.float32)  # many ties
    queries = rng.integers(0, 3, size=(3, 2)).astype(np.float32)
    ids = [f"d{i:02}" for i in rng.permutation(documents)]
    shards = [(ids[i : i + shard], vectors[i : i + shard]) for i in range(0, documents, shard)]
    for query, hits in zip(queries, exact_search(queries, shards, k), strict=True):
        assert hits == rank(zip(ids, (vectors @ query).tolist(), strict=True), k)


@pytest.mark.parametrize(
    ("text", "lang", "terms"),
    [
        ("Running runners", "en", ["run", "runner"]),
        ("Die Häuser", "de", ["die", "haus"]),
        ("東京タワー", "ja", ["東京", "京タ", "タワ", "ワー"]),
        ("中", "zh", ["中"]),
        ("กรุงเทพ", "th", ["กร", "รุ", "ุง", "งเ", "เท", "ทพ"]),
        ("हिन्दी भाषा", "xx", ["हिन्दी", "भाषा"]),
        ("తెలుగు భాష", "te", ["తెలుగు", "భాష"]),
        ("ＡＢＣ　１２", "xx", ["abc", "12"]),
    ],
)
def test_analysis(text: str, lang: str, terms: list[str]) -> None:
    assert analyse(text, lang) == terms


def test_bm25_breaks_ties_by_id_and_leaves_strangers_out() -> None:
    texts = {"b": "red apple", "a": "red apple", "c": "green pear", "d": "blue plum"}
    bm25 = BM25.build([Document(i, "", t) for i, t in texts.items()])
    hits = bm25.search(["red", "nothing here"], k=10)
    assert [h.document_id for h in hits[0]] == ["a", "b"]
    assert hits[1] == []
    assert [h.document_id for h in bm25.search(["red"], k=1)[0]] == ["a"]


def test_bm25_of_nothing_is_refused() -> None:
    with pytest.raises(DramaError, match="no documents"):
        BM25.build([])
    with pytest.raises(DramaError, match="holds a word"):
        BM25.build([Document("a", "", "!!!")])


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 9)), max_size=6), st.floats(0.1, 0.9))
def test_fusion_with_itself_keeps_the_order(pairs: list[tuple[str, float]], weight: float) -> None:
    hits = rank(dict(pairs))
    fused = fuse([hits, hits], [weight, 1 - weight], k=10, method="rrf")
    assert [h.document_id for h in fused] == [h.document_id for h in hits]


def test_fusion_takes_what_one_side_misses() -> None:
    a, b = rank({"x": 3.0, "y": 1.0}), rank({"z": 0.5})
    assert {h.document_id for h in fuse([a, b], [0.5, 0.5], k=5)} == {"x", "y", "z"}
    assert fuse([[], []], [0.5, 0.5], k=5) == []


def test_index_finds_and_notices_another_model(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(tmp_path / "model")
    documents = [Document(f"d{i}", "", t) for i, t in enumerate(texts)]
    encode_for_index(tmp_path / "model", documents, tmp_path / "index")
    with pytest.raises(FileError, match="not an index"):
        Index.open(tmp_path / "index")
    assert build_index(tmp_path / "index") == 8
    index = Index.open(tmp_path / "index")
    assert len(index) == 8
    found = index.search(texts[3], k=3)
    assert [f.hit.rank for f in found] == [1, 2, 3]
    assert found[0].document in documents
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=32)).save(tmp_path / "model")
    with pytest.raises(DramaError, match="has changed since"):
        Index.open(tmp_path / "index")
