"""The header of a GGUF file, walked from end to end without believing its counts and lengths.

Layout (version 2 and 3, little endian): magic, version, number of tensors, number of keys; each key with its
value; each tensor with its name, dimensions, type and place; then the tensors' bytes.
"""

import mmap
import struct
from math import prod
from pathlib import Path

from drama.errors import FileError

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value by its type."""
_STRING, _ARRAY = 8, 9
_SIGNED = {1: "<b", 3: "<h", 5: "<i", 11: "<q"}
_UNSIGNED = {0: "<B", 2: "<H", 4: "<I", 10: "<Q"}
_MOST_DIMENSIONS = 4
_DEEPEST = 4
_ALIGNMENT = "general.alignment"
_LAYERS = ".block_count"
_NAME = 65_535


class _Walk:
    """A place in the file; every step checks that it stays inside."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path, self.data, self.at = path, data, 0

    def wrong(self, what: str) -> FileError:
        return FileError(
            self.path, f"not a complete GGUF file: {what}, at byte {self.at}", hint="download it again"
        )

    def skip(self, size: int, what: str) -> int:
        """Go on by so many bytes; where they begin."""
        start = self.at
        if size > len(self.data) - start:
            raise self.wrong(f"{what} of {size:,} bytes does not fit into the file")
        self.at = start + size
        return start

    def number(self, form: str, what: str) -> int:
        start = self.skip(struct.calcsize(form), what)
        return int(struct.unpack_from(form, self.data, start)[0])

    def name(self, what: str) -> str:
        size = self.number("<Q", what)
        if size > _NAME:
            raise self.wrong(f"{what} of {size:,} bytes")
        start = self.skip(size, what)
        try:
            return self.data[start : start + size].decode("utf-8")
        except UnicodeDecodeError:
            raise self.wrong(f"{what} is not UTF-8") from None

    def value(self, kind: int, key: str, depth: int = 0) -> int | None:
        """Pass over a value; the number, where it is a whole one."""
        form = _UNSIGNED.get(kind) or _SIGNED.get(kind)
        if form is not None:
            return self.number(form, key)
        if kind in _SIZES:
            self.skip(_SIZES[kind], key)
        elif kind == _STRING:
            self.skip(self.number("<Q", key), key)
        elif kind == _ARRAY:
            inner, count = self.number("<I", key), self.number("<Q", key)
            if inner in _SIZES:
                self.skip(count * _SIZES[inner], key)
            elif inner not in (_STRING, _ARRAY) or depth == _DEEPEST:
                raise self.wrong(f"the type {inner} of '{key}' is unknown")
            elif count > (len(self.data) - self.at) // 8:
                raise self.wrong(f"'{key}' has {count:,} values")
            else:
                for _ in range(count):
                    self.value(inner, key, depth + 1)
        else:
            raise self.wrong(f"the type {kind} of '{key}' is unknown")
        return None


def check_header(path: Path) -> int:
    """Check a GGUF file's header and that its tensors are inside the file. Returns the tensors' elements.

    Raises:
        FileError: it is no GGUF file, cut off, or its counts, lengths, types or places can't be right.
    """
    if path.stat().st_size < 4:
        raise FileError(path, "not a GGUF file: it is empty")
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        walk = _Walk(path, data)
        if data[:4] != b"GGUF":
            pointer = data[:23] == b"version https://git-lfs"
            raise FileError(path, "a Git LFS pointer, not the weights" if pointer else "not a GGUF file")
        walk.skip(4, "the magic")
        version = walk.number("<I", "the version")
        if version not in (2, 3):
            raise walk.wrong(f"version {version}")
        tensors, keys = walk.number("<Q", "the header"), walk.number("<Q", "the header")
        return _tensors(walk, tensors, _layers_and_alignment(walk, keys, tensors))


def _layers_and_alignment(walk: _Walk, keys: int, tensors: int) -> int:
    """Pass over the keys. Returns the alignment of the tensors' bytes."""
    alignment = 32
    if keys > len(walk.data) // 13 or tensors > len(walk.data) // 24:  # the least that one takes
        raise walk.wrong(f"{keys:,} keys and {tensors:,} tensors")
    seen: set[str] = set()
    for _ in range(keys):
        key = walk.name("a key")
        if key in seen:
            raise walk.wrong(f"'{key}' comes twice")
        seen.add(key)
        value = walk.value(walk.number("<I", key), key)
        if value is None:
            continue
        if key == _ALIGNMENT:
            if value <= 0 or value & (value - 1) or value > 1 << 20:
                raise walk.wrong(f"an alignment of {value}")
            alignment = value
        elif key.endswith(_LAYERS) and value > tensors:
            raise walk.wrong(f"{value:,} layers of {tensors:,} tensors")
        elif key.startswith("tokenizer."):
            continue
        elif value < 0 or value > max(len(walk.data), 1 << 24):
            raise walk.wrong(f"'{key}' is {value:,}")
    return alignment


def _tensors(walk: _Walk, tensors: int, alignment: int) -> int:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    ends: list[int] = [0]
    elements = 0
    for _ in range(tensors):
        name = walk.name("a tensor's name")
        dimensions = walk.number("<I", name)
        if dimensions > _MOST_DIMENSIONS:
            raise walk.wrong(f"'{name}' has {dimensions:,} dimensions")
        count = prod(walk.number("<Q", name) for _ in range(dimensions))
        kind, place = walk.number("<I", name), walk.number("<Q", name)
        try:
            block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
        except (ValueError, KeyError):
            raise walk.wrong(f"the type {kind} of '{name}' is unknown") from None
        if count % block:
            raise walk.wrong(f"'{name}' has {count:,} elements in blocks of {block}")
        elements += count
        ends.append(place + count // block * size)
    start = -(-walk.at // alignment) * alignment
    if start + max(ends) > len(walk.data):
        raise walk.wrong(f"it is cut off: {len(walk.data):,} bytes of {start + max(ends):,}")
    return elements
