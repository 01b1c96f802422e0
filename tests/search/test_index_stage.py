"""The last two stages: nothing is encoded twice."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from drama.errors import DramaError, FileError
from drama.records import Document, write_passages
from drama.retriever import EmbeddingStore, Retriever, RetrieverSettings
from drama.retriever.vectors import Array
from drama.search import BM25, Index, SmoothingSettings, build_index, smooth
from drama.search.settings import IndexSettings, SearchSettings
from drama.search.stage import index_corpus, search_examples
from drama.workspace import VectorReader


def test_new_queries_search_the_same_index(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    model, passages = tmp_path / "model", tmp_path / "passages.parquet"
    Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(16, 64))).save(model)
    write_passages(passages, [Document(f"d{i}", "", text) for i, text in enumerate(texts)])

    def run(query: str, dim: int) -> tuple[list[str], int]:
        index_corpus(IndexSettings(dim=dim), model, passages, tmp_path / "index")
        search_examples(SearchSettings(queries=[query], k=2), tmp_path / "index", tmp_path / "search")
        (example,) = json.loads((tmp_path / "search/examples.json").read_text())
        assert example["query"] == query
        assert [hit["rank"] for hit in example["hits"]] == [1, 2]
        assert all(hit["text"] == texts[int(hit["id"][1:])] for hit in example["hits"])
        ids = [hit["id"] for hit in example["hits"]]
        return ids, (tmp_path / "index/vectors/00000.npy").stat().st_mtime_ns

    _, made = run(texts[0], 16)
    _, still = run(texts[3], 16)
    assert still == made
    _, again = run(texts[3], 64)
    assert again != made


def test_no_passage_is_encoded_again_for_an_index_of_another_width(
    tiny_llm: Path, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, passages, store = tmp_path / "model", tmp_path / "passages.parquet", tmp_path / "embeddings"
    retriever = Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(16, 64)))
    retriever.save(model)
    write_passages(passages, [Document(f"d{i}", "", text) for i, text in enumerate(texts)])
    EmbeddingStore(store).documents(Retriever.load(model), texts[:5])  # as evaluation leaves them
    encoded: list[str] = []
    real = Retriever.encode_documents

    def watched(self: Retriever, some: Sequence[str], dim: int | None = None) -> Array:
        encoded.extend(some)
        return real(self, some, dim)

    monkeypatch.setattr(Retriever, "encode_documents", watched)
    for dim in (64, 16):
        index_corpus(IndexSettings(dim=dim), model, passages, tmp_path / "index", store)
        ids, vectors_ND = VectorReader(tmp_path / "index/vectors").load()
        assert ids == [f"d{i}" for i in range(len(texts))]
        np.testing.assert_allclose(vectors_ND, real(retriever, texts, dim), atol=1e-6)
    assert encoded == texts[5:]


def test_an_unknown_kind_of_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DramaError, match=r"index\.kind: no kind of index 'hnws'; kinds: exact"):
        IndexSettings.parse({"kind": "hnws"}, "index")
    with pytest.raises(DramaError, match="no kind of index 'hnws'"):
        build_index(tmp_path, "hnws")


def test_a_damaged_file_of_an_index_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(FileError, match=r"index\.json: damaged"):
        Index.open(tmp_path)


def test_smoothed_and_hybrid_search(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    model, passages = tmp_path / "model", tmp_path / "passages.parquet"
    Retriever.from_llm(tiny_llm, RetrieverSettings()).save(model)
    corpus = [Document(f"d{i}", "", text) for i, text in enumerate(texts)]
    write_passages(passages, corpus)
    smoothing = SmoothingSettings(neighbours=2, share=0.4)
    settings = IndexSettings(smoothing=smoothing, dense_share=0.6)
    index_corpus(settings, model, passages, tmp_path / "index")
    index, query = Index.open(tmp_path / "index"), "how does yeast make bread rise"
    encoder = Retriever.load(model)
    vectors = np.concatenate(list(smooth(encoder.encode_documents(texts), settings.smoothing or smoothing)))
    own = (vectors @ encoder.encode_queries([query])[0]).tolist()
    cosines = dict(zip([d.id for d in corpus], own, strict=True))
    dense = {f.document.id: f.hit.score for f in index.search(query, 8, "dense")}
    assert dense == pytest.approx(cosines, abs=1e-4)
    bm25 = BM25.build(corpus)
    words = {hit.document_id: hit.score for hit in bm25.search([query], 8)[0]}
    assert {f.document.id: f.hit.score for f in index.search(query, 8, "bm25")} == words
    (bound,) = bm25.bounds([query])
    expected = {i: 0.6 * c + 0.4 * words.get(i, 0.0) / bound for i, c in cosines.items()}
    found = {f.document.id: f.hit.score for f in index.search(query, 8)}
    assert found == pytest.approx(expected, abs=1e-4)
    with pytest.raises(DramaError, match=r"no mode 'sparse'.*\n.*hybrid, dense, bm25"):
        index.search(query, 8, "sparse")
    build_index(tmp_path / "index", words=False)
    with pytest.raises(DramaError, match="holds no BM25"):
        Index.open(tmp_path / "index").search(query, 8, "hybrid")


def test_a_damaged_bm25_is_named(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    model, passages = tmp_path / "model", tmp_path / "passages.parquet"
    Retriever.from_llm(tiny_llm, RetrieverSettings()).save(model)
    write_passages(passages, [Document(f"d{i}", "", text) for i, text in enumerate(texts)])
    index_corpus(IndexSettings(), model, passages, tmp_path / "index")
    (tmp_path / "index/words/data.csc.index.npy").write_bytes(b"\0" * 80)
    with pytest.raises(FileError, match=r"words/data\.csc\.index\.npy"):
        Index.open(tmp_path / "index")
