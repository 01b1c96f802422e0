"""The embedding store: nothing is encoded twice, nothing stale is reused."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from drama.console import progress
from drama.errors import DramaError
from drama.retriever import EmbeddingStore, RayEncoding, Retriever, RetrieverSettings, load_encoder
from drama.retriever.store.missing import Missing
from drama.retriever.store.places import KEY, Places
from drama.retriever.vectors import Array
from drama.workers import RaySettings


@pytest.fixture(scope="module")
def retriever(tiny_llm: Path) -> Retriever:
    return Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(16,), max_length=64))


def test_the_store_gives_the_same_vectors_from_disk(
    retriever: Retriever, texts: list[str], tmp_path: Path
) -> None:
    store = EmbeddingStore(tmp_path)
    first = store.documents(retriever, texts)
    files = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    again = store.documents(retriever, texts)
    np.testing.assert_array_equal(first.vectors_ND, again.vectors_ND)
    assert again.seconds == first.seconds
    assert files == {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    queries = store.queries(retriever, texts)
    assert not np.allclose(queries.vectors_ND, first.vectors_ND)  # the prefix is part of the key


def test_no_text_is_embedded_twice(
    retriever: Retriever, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drama.retriever.store.store._BLOCK", 2)
    monkeypatch.setattr("drama.retriever.store.store._PART", 3)
    encoded: list[str] = []
    real = Retriever.encode_documents

    def watched(self: Retriever, some: Sequence[str], dim: int | None = None) -> Array:
        encoded.extend(some)
        return real(self, some, dim)

    monkeypatch.setattr(Retriever, "encode_documents", watched)
    store = EmbeddingStore(tmp_path)
    store.documents(retriever, texts[1:4])
    changed = [texts[4], texts[2], texts[0], *texts[1:6], texts[0]]  # what is known comes in another order
    found = store.documents(retriever, changed)
    assert sorted(encoded) == sorted(texts[:6])
    np.testing.assert_allclose(found.vectors_ND, real(retriever, changed), atol=1e-6)
    parts = list(store.document_blocks(retriever, changed).parts())
    assert [len(part) for part in parts] == [3, 3, 3]
    np.testing.assert_array_equal(np.concatenate(parts), found.vectors_ND)
    next(tmp_path.glob("*.npy")).unlink()  # a lost block is made again
    np.testing.assert_allclose(store.documents(retriever, changed).vectors_ND, found.vectors_ND, atol=1e-6)
    assert 6 < len(encoded) <= 8


def test_no_text_is_handed_out_twice_while_blocks_are_under_way(tmp_path: Path) -> None:
    texts = ["a", "b", "a", "c", "b", "d", "c"]
    with progress("texts", len(texts)) as bar:
        missing = Missing(Places(tmp_path), lambda text: text * KEY, texts, part=2, block=1, bar=bar)
        assert list(missing.blocks()) == [["a"], ["b"], ["c"], ["d"]]  # none of them encoded yet
    assert missing.keys.decode() == "".join(text * KEY for text in texts)
    assert [missing.encoded() for _ in range(4)] == [["a" * KEY], ["b" * KEY], ["c" * KEY], ["d" * KEY]]


def test_an_actor_with_another_model_of_this_name_makes_no_vectors(tiny_llm: Path, tmp_path: Path) -> None:
    """What an actor does, in this process: Ray itself is not installed."""
    folder = tmp_path / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings()).save(folder)
    driver = load_encoder(folder)
    spread = RayEncoding(str(folder), None, driver.precision, driver.fingerprint, RaySettings())
    assert spread.load().fingerprint == driver.fingerprint
    Retriever.from_llm(tiny_llm, RetrieverSettings(query_prefix="q: ")).save(folder)
    with pytest.raises(DramaError, match="another model of this name"):
        spread.load()
