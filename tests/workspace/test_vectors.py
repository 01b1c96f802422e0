"""Vectors on disk: whole or absent, damage named, more shards than a process may open files."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from drama.errors import FileError
from drama.search import exact_search
from drama.search.indexes import ExactIndex
from drama.workspace import VectorReader, write_vectors


def test_vectors_come_back_and_damage_is_named(tmp_path: Path) -> None:
    write_vectors(tmp_path, 2, "float16", [(["a", "b"], np.eye(2)), (["c"], np.ones((1, 2)))])
    ids, vectors = VectorReader(tmp_path).load()
    assert ids == ["a", "b", "c"]
    np.testing.assert_array_equal(vectors, [[1, 0], [0, 1], [1, 1]])
    (tmp_path / "00001.npy").write_bytes(b"torn")
    with pytest.raises(FileError, match=r"00001\.npy: damaged"):
        VectorReader(tmp_path).load()


def test_a_wrong_shape_is_refused_and_the_vectors_from_before_stay(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    write_vectors(folder, 2, "float32", [(["old"], np.ones((1, 2)))])
    with pytest.raises(ValueError, match="expected"):
        write_vectors(folder, 2, "float32", [(["a"], np.zeros((1, 2))), (["b"], np.zeros((1, 3)))])
    assert VectorReader(folder).load()[0] == ["old"]


def test_shards_of_a_larger_corpus_are_dropped_with_their_vectors(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    for shards in (3, 1):
        write_vectors(folder, 1, "float32", (([str(i)], np.ones((1, 1))) for i in range(shards)))
    assert VectorReader(folder).load()[0] == ["0"]
    assert sorted(p.name for p in folder.iterdir()) == ["00000.ids.json", "00000.npy", "vectors.json"]


@pytest.mark.parametrize("damage", ["emptied", "removed", "other length"])
def test_a_damaged_shard_is_named(damage: str, tmp_path: Path) -> None:
    write_vectors(tmp_path, 2, "float32", [(["a"], np.ones((1, 2)))])
    if damage == "emptied":
        (tmp_path / "00000.npy").write_bytes(b"")
    elif damage == "removed":
        (tmp_path / "00000.npy").unlink()
    else:
        (tmp_path / "00000.ids.json").write_text('["a", "b"]')
    with pytest.raises(FileError, match="00000"):
        VectorReader(tmp_path).load()


def test_no_vectors_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no vectors"):
        VectorReader(tmp_path)
    write_vectors(tmp_path, 3, "float32", [])
    assert VectorReader(tmp_path).load()[1].shape == (0, 3)


@contextmanager
def few_open_files(number: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def every_descriptor_taken() -> Iterator[None]:
    with ExitStack() as taken:
        with suppress(OSError):
            while True:
                taken.enter_context(Path("/dev/null").open())
        yield


def test_more_shards_than_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drama.files.sync", lambda _: None)  # a write's safety is not asked about here
    number = 1100
    vectors_ND = np.eye(4, dtype=np.float32)[np.arange(number) % 4]
    vectors_ND[777] *= 2
    folder = tmp_path / "vectors"
    write_vectors(folder, 4, "float32", (([f"d{i}"], vectors_ND[i : i + 1]) for i in range(number)))
    with few_open_files(256):
        ids, loaded_ND = VectorReader(folder).load()
        index = ExactIndex.open(tmp_path)
        found = index.search(vectors_ND[777:778], k=1)
        again = index.search(vectors_ND[777:778], k=1)
    assert ids == [f"d{i}" for i in range(number)]
    np.testing.assert_array_equal(loaded_ND, vectors_ND)
    for (rows, scores), *others in (found, again):
        assert (rows.tolist(), scores.tolist(), others) == ([777], [4.0], [])


def test_no_open_file_left_is_no_damage(tmp_path: Path) -> None:
    write_vectors(tmp_path, 2, "float32", [(["a"], np.ones((1, 2)))])
    reader = VectorReader(tmp_path)
    lowest = max(int(p.name) for p in Path("/proc/self/fd").iterdir()) + 1
    with few_open_files(lowest), every_descriptor_taken(), pytest.raises(FileError) as caught:
        reader.load()
    assert "Too many open files" in caught.value.message
    assert not caught.value.hint
    assert reader.load()[0] == ["a"]


def test_ids_are_read_when_one_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    write_vectors(folder, 2, "float32", [(["a"], np.array([[1, 0]])), (["b"], np.array([[0, 1]]))])
    (folder / "00001.ids.json").write_text("[]")  # of a document that can't be among the best
    reader = VectorReader(folder)
    assert exact_search(np.array([[1, 0]], dtype=np.float32), reader.shards(), k=1) == [[("a", 1.0, 1)]]
    with pytest.raises(FileError, match=r"00001\.ids\.json: damaged"):
        exact_search(np.array([[0, 1]], dtype=np.float32), reader.shards(), k=1)
