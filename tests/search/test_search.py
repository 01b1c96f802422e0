"""Ranking rules, analysis per script, fusion, and the index folder."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.corpus.passages.chunks import CUT
from drama.corpus.passages.settings import ChunkSettings
from drama.errors import DramaError, FileError
from drama.language.terms import analyse
from drama.records import Document, Passages, rank, read_passages, write_passages
from drama.retriever import Retriever, RetrieverSettings
from drama.search import BM25, LSA, Index, build_index, encode_for_index, exact_search, fuse

Method = Literal["minmax", "rrf"]
METHODS: tuple[Method, ...] = ("minmax", "rrf")
"""Those that see scores only."""


@given(st.integers(0, 30), st.integers(1, 8), st.integers(1, 5), st.integers(1, 4), st.integers(0, 99))
def test_exact_search_equals_a_full_sort_with_ties_across_shards_and_blocks(
    documents: int, k: int, shard: int, block: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.integers(0, 3, size=(documents, 2)).astype(np.float32)  # many ties
    queries = rng.integers(0, 3, size=(3, 2)).astype(np.float32)
    ids = [f"d{i:02}" for i in rng.permutation(documents)]
    shards = [(ids[i : i + shard], vectors[i : i + shard]) for i in range(0, documents, shard)]
    for query, hits in zip(queries, exact_search(queries, shards, k, block), strict=True):
        scored = {i: float(v @ query) for i, v in zip(ids, vectors, strict=True) if v.any() and query.any()}
        assert hits == rank(scored, k)


@given(st.integers(9, 300), st.integers(1, 60), st.integers(1, 8), st.integers(0, 9999))
def test_equal_vectors_tie_by_id_whatever_the_blocks(documents: int, shard: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((documents, 96)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[rng.choice(documents, 8, replace=False)] = vectors[0]
    queries = (vectors[:1] + 0.05 * rng.standard_normal((5, 96))).astype(np.float32)
    ids = [f"d{i:03}" for i in rng.permutation(documents)]
    shards = [(ids[i : i + shard], vectors[i : i + shard]) for i in range(0, documents, shard)]
    for query, hits in zip(queries, exact_search(queries, shards, k, block=17), strict=True):
        scores = [float(np.sum(v.astype(np.float64) * query)) for v in vectors]
        assert [h.document_id for h in hits] == [
            h.document_id for h in rank(zip(ids, scores, strict=True), k)
        ]


def test_a_damaged_vector_is_named() -> None:
    vectors = np.array([[1.0, 0.0], [np.nan, 0.0]], dtype=np.float32)
    with pytest.raises(DramaError, match="document 'b' holds NaN"):
        exact_search(np.ones((1, 2), dtype=np.float32), [(["a", "b"], vectors)], k=1)
    with pytest.raises(DramaError, match="query's vector"):
        exact_search(vectors[1:], [(["a"], vectors[:1])], k=1)


@pytest.mark.parametrize(
    ("text", "lang", "terms"),
    [
        ("Running runners", "en", ["run", "runner"]),
        ("He is a C's son", "en", ["he", "c", "son"]),  # stop words, and letters after an apostrophe
        ("Die Häuser", "de", ["die", "haus"]),
        ("서울에서 2024", "ko", ["서울", "울에", "에서", "2024"]),
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
    assert [h.document_id for h in hits[0]] == ["b", "a"]
    assert hits[1] == []
    assert [h.document_id for h in bm25.search(["red"], k=1)[0]] == ["b"]


def test_bm25_looks_only_at_the_ids_that_it_returns() -> None:
    class Ids(list[str]):
        looked_at = 0

        def __getitem__(self, place: Any) -> Any:
            self.looked_at += 1
            return super().__getitem__(place)

    bm25 = BM25.build([Document(f"d{n:03}", "", "red apple " + "green pear " * n) for n in range(500)])
    bm25._ids = ids = Ids(bm25._ids)
    assert [hit.document_id for hit in bm25.search(["red"], k=3)[0]] == ["d000", "d001", "d002"]
    assert ids.looked_at == 3


def test_bm25_counts_a_repeated_query_term_again() -> None:
    bm25 = BM25.build([Document("a", "", "red apple"), Document("b", "", "green pear")])
    once, twice = (bm25.search([q], k=1)[0][0].score for q in ("red", "red red"))
    assert twice == pytest.approx(2 * once)


def test_bm25_scores_as_lucene_does() -> None:
    texts = {"a": "wing wing lift", "b": "wing", "c": "sand sea beach river"}
    hits = BM25.build([Document(i, "", t) for i, t in texts.items()], k1=1.2, b=0.75).search(["wing"], 3)[0]
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    mean = (3 + 1 + 4) / 3
    by_hand = {i: idf * tf / (tf + 1.2 * (0.25 + 0.75 * n / mean)) for i, tf, n in (("a", 2, 3), ("b", 1, 1))}
    assert {h.document_id: h.score for h in hits} == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(
    ("documents", "lang"),
    [
        ([Document("a", "", "Крылья самолёта создают подъёмную силу")], "ru"),
        ([Document("a", "", "飛行機の翼")], "ja"),
        ([Document("a", "", "비행기의 날개")], "ko"),
        ([Document("a", "", "Siipi on lentokoneen osa, joka tuottaa nostetta")], "fi"),
        ([Document("a", "", "యంత్రం రెక్క")], "te"),
        ([Document("a", "", "12 34")], ""),
        ([Document("a", "", "Die Flügel", "de"), Document("b", "", "the wings")], "de"),
        ([Document("a", "", "the wings")], "en"),
    ],
)
def test_the_language_is_the_documents_or_detected(documents: list[Document], lang: str) -> None:
    assert BM25.build(documents).lang == lang


def test_a_corpus_on_disk_is_the_same_corpus(tmp_path: Path) -> None:
    corpus = [Document(f"d{i}", "", f"red {'apple ' * (i % 3)} {10 + i % 5}") for i in range(300)]
    write_passages(tmp_path / "passages.parquet", corpus)
    on_disk = Passages(tmp_path / "passages.parquet")
    assert list(on_disk) == corpus
    assert list(on_disk) == corpus
    for query in ("red apple", "14"):
        here, there = (BM25.build(documents).search([query], k=20) for documents in (corpus, on_disk))
        assert here == there
    here_QD, there_QD = (LSA.build(documents).encode_queries(["apple 13"]) for documents in (corpus, on_disk))
    np.testing.assert_array_equal(here_QD, there_QD)


def test_bm25_of_nothing_is_refused() -> None:
    with pytest.raises(DramaError, match="no documents"):
        BM25.build([])
    with pytest.raises(DramaError, match="holds a word"):
        BM25.build([Document("a", "", "!!!")])


def test_no_signal_is_no_hit() -> None:
    texts = ["wings give lift", "aircraft have wings", "yeast makes bread", "bread needs flour", "..."]
    documents = [Document(f"d{i}", "", text) for i, text in enumerate(texts)]
    lsa = LSA.build(documents, dim=2)
    queries_QD = lsa.encode_queries(["!!!", "xylophone", "wings"])
    shards = [([d.id for d in documents], lsa.encode_documents(texts))]
    nothing, unknown, found = exact_search(queries_QD, shards, k=5)
    assert (nothing, unknown) == ([], [])
    assert {h.document_id for h in found} == {"d0", "d1", "d2", "d3"}  # not the one without words
    assert BM25.build(documents).search(["!!!", "xylophone", "..."], k=5) == [[], [], []]


def test_words_outside_the_axes_of_lsa_are_not_blown_up_to_unit_length() -> None:
    texts = ["car road", "car road", "car road", "oven bread", "oven bread", "oven bread", "sea gull"]
    lsa = LSA.build([Document(f"d{i}", "", text) for i, text in enumerate(texts)], dim=2)
    lengths = np.linalg.norm(lsa.encode_queries(["car", "oven", "gull"]), axis=1)
    assert lengths.round(5).tolist() == [1.0, 1.0, 0.0]


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([0.0, 0.5, 2.0])), max_size=6),
    st.floats(0.1, 0.9),
    st.sampled_from(METHODS),
)
def test_fusion_with_itself_keeps_the_order(
    pairs: list[tuple[str, float]], weight: float, method: Method
) -> None:
    hits = rank(dict(pairs))
    fused = fuse([hits, hits], [weight, 1 - weight], k=10, method=method)
    assert [h.document_id for h in fused] == [h.document_id for h in hits]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("score", [0.0, 7.0])
def test_a_ranking_that_prefers_nothing_has_no_weight(method: Method, score: float) -> None:
    tied = rank({"a": score, "z": score, "y": score})
    other = rank({"x": 3.0, "a": 2.0, "z": 1.0, "b": 0.5})
    fused = fuse([tied, other], [0.9, 0.1], 5, method)
    assert [h.document_id for h in fused] == ["x", "a", "z", *(["b", "y"] if method == "rrf" else ["y", "b"])]
    alone = fuse([other], [0.1], 5, method)
    assert [h for h in fused if h.score] == [h for h in alone if h.score]


@pytest.mark.parametrize("method", METHODS)
def test_a_single_hit_is_the_best_of_its_ranking(method: Method) -> None:
    one, two = rank({"x": 0.1}), rank({"x": 0.2, "w": 0.1})
    assert fuse([one], [1.0], 5, method)[0] == fuse([two], [1.0], 5, method)[0]


def test_documents_that_tie_share_their_rank() -> None:
    hits = rank({"a": 2.0, "b": 1.0, "c": 1.0, "d": 0.5})
    scores = {h.document_id: h.score for h in fuse([hits], [1.0], 5, "rrf")}
    assert scores == pytest.approx({"a": 1 / 61, "b": 1 / 62.5, "c": 1 / 62.5, "d": 1 / 64})


def test_fusion_takes_what_one_side_misses() -> None:
    a, b = rank({"x": 3.0, "y": 1.0}), rank({"z": 0.5})
    assert {h.document_id for h in fuse([a, b], [0.5, 0.5], k=5)} == {"x", "y", "z"}
    assert fuse([[], []], [0.5, 0.5], k=5) == []


def test_index_finds_and_notices_another_model(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(tmp_path / "model")
    documents = [Document(f"d{i}", "", t) for i, t in enumerate(texts)]
    encode_for_index(tmp_path / "model", documents, tmp_path / "index")
    with pytest.raises(FileError, match=r"not an index[^→]*→ run `drama index .*/index` first"):
        Index.open(tmp_path / "index")
    assert build_index(tmp_path / "index") == 8
    with pytest.raises(FileError, match=r"not an index[^→]*→ did you mean .*/index\?"):
        Index.open(tmp_path)
    with pytest.raises(FileError, match=r"not an index[^→]*→ make it with"):
        Index.open(tmp_path / "model")
    index = Index.open(tmp_path / "index")
    assert len(index) == 8
    found = index.search(texts[3], k=3)
    assert [f.hit.rank for f in found] == [1, 2, 3]
    assert found[0].document in documents
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=32)).save(tmp_path / "model")
    with pytest.raises(DramaError, match="has changed since"):
        Index.open(tmp_path / "index")


def test_long_documents_are_encoded_in_passages(tiny_llm: Path, tmp_path: Path) -> None:
    settings = RetrieverSettings(max_length=64, document_prefix="passage: ")
    Retriever.from_llm(tiny_llm, settings).save(tmp_path / "model")
    sentences = [f"The wing number {n} lifts the plane over the sea." for n in range(40)]
    documents = [
        Document("long", "Wings", " ".join(sentences), "en"),
        Document("short", "", "Bees dance.", "en"),
    ]
    counts = encode_for_index(tmp_path / "model", documents, tmp_path / "index", chunk=ChunkSettings())
    assert counts[CUT] == 1
    passages = list(read_passages(tmp_path / "index/documents.parquet"))
    assert counts["encoded"] == len(passages) > 10
    encoder = Retriever.load(tmp_path / "model")
    lengths = [len(ids) for ids in encoder.tokens([p.full_text for p in passages], "document", 1000)]
    assert max(lengths) <= 64  # with its prefix, BOS and EOS
    build_index(tmp_path / "index")
    (found,) = Index.open(tmp_path / "index").search(sentences[33], mode="bm25")
    assert found.hit.document_id == "long"
    assert sentences[33] in found.document.text


def test_an_index_moves_together_with_its_model(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(run / "train/model")
    encode_for_index(run / "train/model", corpus(texts), run / "index")
    build_index(run / "index")
    before = Index.open(run / "index").search(texts[3])
    run.rename(tmp_path / "moved")
    assert Index.open(tmp_path / "moved/index").search(texts[3]) == before
    (tmp_path / "moved/train").rename(tmp_path / "elsewhere")
    with pytest.raises(
        FileError, match=r"its model is not there any more: .*run/train/model\n.*name it with --model"
    ):
        Index.open(tmp_path / "moved/index")


@pytest.fixture(scope="module")
def model(tiny_llm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search") / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64, dims=(64, 32))).save(folder)
    return folder


def corpus(texts: list[str]) -> list[Document]:
    return [Document(f"d{i}", "", t) for i, t in enumerate(texts)]


def test_encoding_again_encodes_nothing_twice_and_reopens_the_index(
    model: Path, texts: list[str], tmp_path: Path
) -> None:
    assert encode_for_index(model, corpus(texts), tmp_path) == {"encoded": 8, "reused": 0}
    build_index(tmp_path)
    assert encode_for_index(model, corpus(texts[:7]), tmp_path) == {"encoded": 0, "reused": 7}
    with pytest.raises(FileError, match="not an index"):
        Index.open(tmp_path)
    assert build_index(tmp_path) == 7


def test_a_refused_encoding_leaves_the_index_alone(model: Path, texts: list[str], tmp_path: Path) -> None:
    encode_for_index(model, corpus(texts), tmp_path, dim=32)
    build_index(tmp_path)
    for wrong in (64, 33):
        with pytest.raises(DramaError, match=r"other settings|not trained at 33"):
            encode_for_index(model, corpus(texts[:2]), tmp_path, dim=wrong)
    with pytest.raises(DramaError, match="no documents"):
        encode_for_index(model, [], tmp_path, dim=32)
    assert len(Index.open(tmp_path).search(texts[0], k=20)) == 8


def test_an_encoding_that_was_cut_off_is_no_index(model: Path, texts: list[str], tmp_path: Path) -> None:
    def breaks() -> Iterator[Document]:
        yield from corpus(texts)[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_for_index(model, breaks(), tmp_path)
    with pytest.raises(FileError, match="was not finished"):
        build_index(tmp_path)


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_a_document_in_chunks_is_found_once_by_its_best(mode: str, tiny_llm: Path, tmp_path: Path) -> None:
    chunks = [
        Document(f"book#{n}", "", f"bees dance, and wing number {n} lifts", "en", "", "book")
        for n in range(9)
    ]
    others = [Document(f"d{n}", "", f"bread rises; bees sleep at {n}", "en") for n in range(4)]
    encode_for_index(str(tiny_llm), [*chunks, *others], tmp_path / "index")
    build_index(tmp_path / "index")
    index = Index.open(tmp_path / "index")
    found = index.search("bees dance wing 3", 4, mode)
    assert [f.hit.rank for f in found] == [1, 2, 3, 4]
    names = [f.hit.document_id for f in found]
    assert len({*names}) == 4
    assert "book" in names
    best = found[names.index("book")]
    assert best.document.chunk_of == "book"
    everything = index.search("bees dance wing 3", 99, mode)
    assert sorted(f.hit.document_id for f in everything) == ["book", "d0", "d1", "d2", "d3"]
    if mode == "bm25":
        assert best.document.id == "book#3"
