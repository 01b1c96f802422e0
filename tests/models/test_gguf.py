"""GGUF headers from anywhere: read to their end, or refused; nothing that they claim is allocated."""

import contextlib
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from drama.errors import DramaError, FileError
from drama.models.gguf import dequantise
from drama.models.gguf_header import check_header


def header(tensors: int = 0, keys: int = 0, rest: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + rest


def text(value: bytes, says: int | None = None) -> bytes:
    return struct.pack("<Q", len(value) if says is None else says) + value


def number(key: bytes, value: int) -> bytes:
    return text(key) + struct.pack("<IQ", 10, value)


def tensor(name: bytes, shape: tuple[int, ...], kind: int = 0, place: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, place)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file with keys of all kinds, and two tensors, as llama.cpp's own library writes it."""
    from gguf import GGUFWriter

    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_embedding_length(32)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_token_list([b"<s>", b"a", "日".encode()])
    writer.add_token_scores([0.0, 1.0, 2.0])
    writer.add_bool("general.flag", True)
    writer.add_tensor("token_embd.weight", np.ones((3, 32), dtype=np.float32))
    writer.add_tensor("output_norm.weight", np.ones(32, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_whole_file_passes_and_every_shorter_one_is_refused(whole: Path, tmp_path: Path) -> None:
    assert check_header(whole) == 3 * 32 + 32
    content, cut = whole.read_bytes(), tmp_path / "cut.gguf"
    needed = content.rstrip(b"\0")  # padding behind the last tensor may be missing
    for size in range(0, len(needed), 7):
        cut.write_bytes(content[:size])
        with pytest.raises(FileError):
            check_header(cut)


LIES = {
    "2^60 tensors": header(tensors=1 << 60),
    "2^60 keys": header(keys=1 << 60),
    "a key of 2^40 bytes": header(keys=1, rest=text(b"key", 1 << 40) + b"\0" * 64),
    "a string of 2^40 bytes": header(keys=1, rest=text(b"key") + struct.pack("<I", 8) + text(b"v", 1 << 40)),
    "a list of 2^60 numbers": header(keys=1, rest=text(b"key") + struct.pack("<IIQ", 9, 4, 1 << 60)),
    "a list of 2^60 strings": header(keys=1, rest=text(b"key") + struct.pack("<IIQ", 9, 8, 1 << 60)),
    "a list of lists of lists": header(keys=1, rest=text(b"key") + struct.pack("<IIQ", 9, 9, 1) * 200),
    "an unknown type": header(keys=1, rest=text(b"key") + struct.pack("<IQ", 99, 1)),
    "a key twice": header(keys=2, rest=number(b"key", 1) + number(b"key", 2)),
    "10^6 layers": header(1, 1, number(b"llama.block_count", 10**6) + tensor(b"t", (8,)) + b"\0" * 4096),
    "a width of 2^50": header(1, 1, number(b"llama.embedding_length", 1 << 50) + tensor(b"t", (8,))),
    "an alignment of 0": header(1, 1, number(b"general.alignment", 0) + tensor(b"t", (8,))),
    "an alignment of 2^40": header(1, 1, number(b"general.alignment", 1 << 40) + tensor(b"t", (8,))),
    "2^31 dimensions": header(1, 0, text(b"t") + struct.pack("<I", 1 << 31) + b"\0" * 64),
    "2^60 elements": header(1, 0, tensor(b"t", (1 << 30, 1 << 30)) + b"\0" * 64),
    "a place behind the end": header(1, 0, tensor(b"t", (8,), place=1 << 50) + b"\0" * 64),
    "an unknown tensor type": header(1, 0, tensor(b"t", (8,), kind=12345) + b"\0" * 64),
    "no whole block": header(1, 0, tensor(b"t", (9,), kind=2) + b"\0" * 64),
    "a name that is not UTF-8": header(1, 0, tensor(b"\xff", (8,)) + b"\0" * 64),
    "version 1": header(version=1),
    "big endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "another file": b"PK\x03\x04" + b"\0" * 64,
    "a pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", LIES)
def test_a_header_that_lies_is_an_error_and_no_memory_is_taken(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "lies.gguf"
    path.write_bytes(LIES[kind])
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match=f"^{path}"):
            dequantise(path, tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert not (tmp_path / "out").exists()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_changed_bytes_are_read_or_refused(whole: Path, tmp_path: Path, data: Any) -> None:
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 8))
        wild = st.sampled_from([0, 1, 1 << 31, 1 << 40, 1 << 60, (1 << 64) - 1])
        content[at : at + 8] = data.draw(
            st.one_of(wild.map(lambda n: struct.pack("<Q", n)), st.binary(min_size=1))
        )
    path = tmp_path / "changed.gguf"
    path.write_bytes(content)
    with contextlib.suppress(FileError):  # any other exception fails the test
        assert check_header(path) <= 8 * len(content) ** 2  # many tensors may share a place


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
@example(b"GGUF")
def test_any_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.gguf"
    path.write_bytes(b"GGUF" + content)
    with contextlib.suppress(FileError):
        check_header(path)


def test_what_passes_and_is_no_model_is_refused_by_name(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(DramaError, match=f"^{whole}: "):
        dequantise(whole, tmp_path / "out")
    assert not (tmp_path / "out").exists()
