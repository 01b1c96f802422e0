"""Encoding for an index: no text is encoded twice, nothing stale is used."""

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from drama.errors import FileError
from drama.files import writing
from drama.records import Document
from drama.retriever import Retriever, RetrieverSettings
from drama.retriever.vectors import Array
from drama.search import Index, build_index, encode_for_index
from drama.workspace import VectorReader


@pytest.fixture(scope="module")
def model(tiny_llm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encode") / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(16,), max_length=64)).save(folder)
    return folder


@pytest.fixture
def documents(texts: list[str]) -> list[Document]:
    return [Document(f"d{i}", "", text) for i, text in enumerate(texts)]


@pytest.fixture(autouse=True)
def several_blocks_and_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drama.retriever.store.store._BLOCK", 2)
    monkeypatch.setattr("drama.retriever.store.store._PART", 3)
    monkeypatch.setattr("drama.workspace.vectors.ROWS_PER_SHARD", 3)


def test_a_killed_encoding_encodes_the_rest(
    model: Path, documents: list[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Retriever.encode_documents

    def killed(self: Retriever, texts: Sequence[str], dim: int | None = None) -> Array:
        if documents[5].full_text in texts:
            raise KeyboardInterrupt
        return real(self, texts, dim)

    monkeypatch.setattr(Retriever, "encode_documents", killed)
    with pytest.raises(KeyboardInterrupt):
        encode_for_index(model, documents, tmp_path)
    monkeypatch.setattr(Retriever, "encode_documents", real)
    with pytest.raises(FileError, match="was not finished"):
        build_index(tmp_path)
    assert encode_for_index(model, documents, tmp_path) == {"encoded": 4, "reused": 4}
    assert len([*VectorReader(tmp_path / "vectors").shards()]) == 3
    ids, vectors_ND = VectorReader(tmp_path / "vectors").load()
    assert ids == [d.id for d in documents]
    np.testing.assert_allclose(
        vectors_ND, real(Retriever.load(model), [d.full_text for d in documents]), atol=1e-6
    )


def test_a_damaged_shard_is_written_again_and_nothing_encoded(
    model: Path, documents: list[Document], tmp_path: Path
) -> None:
    assert encode_for_index(model, documents, tmp_path) == {"encoded": 8, "reused": 0}
    first = VectorReader(tmp_path / "vectors").load()
    (tmp_path / "vectors/00001.ids.json").unlink()
    assert encode_for_index(model, documents, tmp_path) == {"encoded": 0, "reused": 8}
    again = VectorReader(tmp_path / "vectors").load()
    assert again[0] == first[0] == [d.id for d in documents]
    np.testing.assert_array_equal(again[1], first[1])


def test_an_index_needs_no_store(model: Path, documents: list[Document], tmp_path: Path) -> None:
    encode_for_index(model, documents, tmp_path / "here", dtype="float16")
    build_index(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    shutil.rmtree(tmp_path / "there/embeddings")
    found = Index.open(tmp_path / "there").search(documents[3].full_text, k=1)
    assert found[0].document == documents[3]
    assert {p.stat().st_size for p in (tmp_path / "there/vectors").glob("0000[01].npy")} == {128 + 3 * 64 * 2}


def test_a_changed_document_is_encoded_again_and_a_shorter_corpus_leaves_no_rest(
    model: Path, documents: list[Document], tmp_path: Path
) -> None:
    encode_for_index(model, documents, tmp_path)
    changed = [documents[0]._replace(text="quite another text"), *documents[1:6]]
    assert encode_for_index(model, changed, tmp_path) == {"encoded": 1, "reused": 5}
    assert len(VectorReader(tmp_path / "vectors")) == 6


def test_vectors_of_another_width_are_refused(model: Path, documents: list[Document], tmp_path: Path) -> None:
    encode_for_index(model, documents, tmp_path)
    with pytest.raises(FileError, match="another model or other settings"):
        encode_for_index(model, documents, tmp_path, dim=16)


def test_an_index_answers_until_the_new_vectors_are_there(
    model: Path, documents: list[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_for_index(model, documents[:3], tmp_path)
    build_index(tmp_path)

    def killed(self: Retriever, texts: Sequence[str], dim: int | None = None) -> Array:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Retriever, "encode_documents", killed)
        with pytest.raises(KeyboardInterrupt):
            encode_for_index(model, documents, tmp_path)
    assert Index.open(tmp_path).search("lift", 1)[0].document in documents[:3]
    encode_for_index(model, documents, tmp_path)
    assert build_index(tmp_path) == len(documents)


def test_somebodys_folder_is_refused_and_so_is_one_that_is_written_to(
    model: Path, documents: list[Document], tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileError, match="not empty and was not made by drama"):
        encode_for_index(model, documents, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    refused: list[str] = []

    def second(act: Callable[[], object]) -> None:
        try:
            act()
        except FileError as error:
            refused.append(error.message)

    out = tmp_path / "index"
    with writing(out):
        for act in (lambda: encode_for_index(model, documents, out), lambda: build_index(out)):
            thread = threading.Thread(target=second, args=(act,))
            thread.start()
            thread.join()
    assert ["is being written by process" in message for message in refused] == [True, True]
