"""One text where a list of texts is needed is an error everywhere, and not a list of characters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drama.language import LanguageGuesser
from drama.language.detect import most_likely_language
from drama.records import Document
from drama.retriever import EmbeddingStore, Retriever, RetrieverSettings
from drama.retriever.sentence_transformer import SentenceTransformerEncoder
from drama.search import BM25, LSA, Index, build_index, encode_for_index


@pytest.fixture(scope="module")
def calls(
    tiny_llm: Path, texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Callable[[Any], object]]:
    """Name → a function that takes a list of texts, or of documents."""
    root = tmp_path_factory.mktemp("lists")
    model = root / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(model)
    documents = [Document(f"d{i}", "", text) for i, text in enumerate(texts)]
    lsa, bm25 = LSA.build(documents), BM25.build(documents)
    retriever, wrapped = Retriever.load(model), SentenceTransformerEncoder(model, "wrapped")
    store = EmbeddingStore(root / "store")
    return {
        **{f"{e.name}, queries": e.encode_queries for e in (lsa, retriever, wrapped)},
        **{f"{e.name}, documents": e.encode_documents for e in (lsa, retriever, wrapped)},
        "tokens": lambda given: retriever.tokens(given, "query"),
        "store, queries": lambda given: store.queries(lsa, given),
        "store, documents": lambda given: store.documents(lsa, given),
        "store, blocks": lambda given: store.document_blocks(lsa, given),
        "bm25": lambda given: bm25.search(given, 1),
        "languages": LanguageGuesser,
        "most likely language": most_likely_language,
        "BM25.build": BM25.build,
        "LSA.build": LSA.build,
        "encode_for_index": lambda given: encode_for_index(model, given, root / "refused"),
    }


def test_one_text_is_no_list(calls: dict[str, Callable[[Any], object]]) -> None:
    for name, call in calls.items():
        for one in ("fi", "wings", ""):
            with pytest.raises(TypeError, match="a list is needed, not one text"):
                pytest.fail(f"{name}: {call(one)}")
        with pytest.raises(TypeError, match=r"\[0\]: a (str|Document) is needed, not a int"):
            pytest.fail(f"{name}: {call([7])}")


def test_an_index_is_asked_one_query(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    encode_for_index(tiny_llm, [Document("a", "", texts[0])], tmp_path)
    build_index(tmp_path)
    with pytest.raises(TypeError, match=r"query\[0\]: a str is needed, not a list"):
        Index.open(tmp_path).search(["wings"])  # type: ignore[arg-type]
