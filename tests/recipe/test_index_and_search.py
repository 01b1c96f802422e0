"""The last two stages: other example searches must not encode the corpus again."""

import json
from pathlib import Path

from drama.recipe.recipe import IndexSettings, SearchSettings
from drama.records import Document, write_passages
from drama.retriever import Retriever, RetrieverSettings
from drama.search.stage import index_corpus, search_examples


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
