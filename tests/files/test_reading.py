"""Text from outside: one rule for its encoding, compressed or not; what is wrong has a place."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from drama.errors import FileError
from drama.files import read_json, write_json
from drama.files.compression import COMPRESSIONS, open_bytes
from drama.files.reading import parse_json, read_lines, read_text


def compress(suffix: str, data: bytes) -> bytes:
    """As the usual tools do, in two parts: `cat a.gz b.gz`, or what a parallel compressor writes."""
    import bz2
    import lzma

    def zstd(part: bytes) -> bytes:
        out = pa.BufferOutputStream()
        with pa.CompressedOutputStream(out, "zstd") as stream:
            stream.write(part)
        return bytes(out.getvalue().to_pybytes())

    one: Callable[[bytes], bytes] = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
        ".zst": zstd,
    }[suffix]
    return one(data[: len(data) // 2]) + one(data[len(data) // 2 :])


LINES = "\ufeffΑ b\r\n\n  \n" + "".join(f"line {i} ×\n" for i in range(3000))


@pytest.mark.parametrize("suffix", ["", *COMPRESSIONS])
def test_lines_come_whole_from_every_kind_of_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.txt{suffix.upper()}"
    path.write_bytes(compress(suffix, LINES.encode()) if suffix else LINES.encode())
    found = list(read_lines(path))
    assert found[:2] == [(1, "Α b"), (4, "line 0 ×")]
    assert found[-1] == (3003, "line 2999 ×")
    assert len(found) == 3001
    assert read_text(path) == LINES.removeprefix("\ufeff")


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize("damage", ["cut", "another kind"])
def test_damaged_compressed_files_are_named(suffix: str, damage: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(
        compress(suffix, LINES.encode())[:-30] if damage == "cut" else b"plain text, and more of it"
    )
    with pytest.raises(FileError, match=rf"a\{suffix}: damaged, or not {suffix[1:]}"):
        list(read_lines(path))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\nb\n\xe9\n", r"line 3: not UTF-8 \(byte 0xe9\)"),
        (b"\xef\xbb\xbfa\nb\n\xff", r"line 3: not UTF-8 \(byte 0xff\)"),
        (b"a\nb\n\xed\xa0\x80", r"line 3: not UTF-8"),
        ("a\nb".encode("utf-16"), r"line 1: not UTF-8 but UTF-16"),
    ],
)
def test_what_is_not_utf_8_has_a_place(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    for read in (read_text, lambda p: list(read_lines(p))):
        with pytest.raises(FileError, match=message):
            read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": ', "Expecting value at column 7"),
        ('{\n"a" 1}', "Expecting ':' delimiter at line 2, column 5"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a": ' + "1" * 10_000 + "}", "an integer of more than 4300 digits"),
    ],
)
def test_json_that_cannot_be_read(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        parse_json(text)
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FileError, match=r"a\.json: not valid JSON \(" + message):
        read_json(tmp_path / "a.json")


def test_a_path_that_is_not_text_comes_back_from_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"path": "caf\udce9/日本"})
    assert read_json(tmp_path / "a.json") == {"path": "caf\udce9/日本"}


def test_errors_of_whoever_reads_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(io.UnsupportedOperation), open_bytes(tmp_path / "a") as handle:
        handle.write(b"y")
