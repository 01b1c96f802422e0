"""Encoding for an index: whole shards are reused, nothing stale is."""

from pathlib import Path

import numpy as np
import pytest

from drama.errors import FileError
from drama.records import Document
from drama.retriever import Retriever, RetrieverSettings
from drama.search import encode_for_index
from drama.workspace import VectorReader


@pytest.fixture(scope="module")
def model(tiny_llm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encode") / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(16,), max_length=64)).save(folder)
    return folder


@pytest.fixture
def documents(texts: list[str]) -> list[Document]:
    return [Document(f"d{i}", "", text) for i, text in enumerate(texts)]


def test_shards_are_whole_and_reused(model: Path, documents: list[Document], tmp_path: Path) -> None:
    assert encode_for_index(model, documents, tmp_path, shard_size=3) == {"encoded": 8, "reused": 0}
    first = VectorReader(tmp_path / "vectors").load()
    (tmp_path / "vectors/00001.ids.json").unlink()  # as if killed between vectors and ids
    assert encode_for_index(model, documents, tmp_path, shard_size=3) == {"encoded": 3, "reused": 5}
    again = VectorReader(tmp_path / "vectors").load()
    assert again[0] == first[0] == [d.id for d in documents]
    np.testing.assert_array_equal(again[1], first[1])


def test_a_changed_document_is_encoded_again_and_a_shorter_corpus_leaves_no_rest(
    model: Path, documents: list[Document], tmp_path: Path
) -> None:
    encode_for_index(model, documents, tmp_path, shard_size=3)
    changed = [documents[0]._replace(text="quite another text"), *documents[1:6]]
    assert encode_for_index(model, changed, tmp_path, shard_size=3) == {"encoded": 3, "reused": 3}
    assert len(VectorReader(tmp_path / "vectors")) == 6


def test_vectors_of_another_width_are_refused(model: Path, documents: list[Document], tmp_path: Path) -> None:
    encode_for_index(model, documents, tmp_path, shard_size=3)
    with pytest.raises(FileError, match="another model or other settings"):
        encode_for_index(model, documents, tmp_path, dim=16, shard_size=3)
