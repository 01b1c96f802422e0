"""A model's files, before a library reads them: whole, as they were written, and without code of their own.

The folders that drama writes list their files' hashes in `SHA256SUMS`, in the format of `sha256sum`, and are
compared with it whenever their weights are loaded (about 0.6 s a GB). Others' folders have no such list:
their safetensors files are checked for structure, and the loaded tensors for values.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from drama.errors import FileError
from drama.files import PARTIAL, read_json, sha256, write_json, write_text
from drama.files.reading import parse_json, read_text
from drama.models.cache import cache_root

SUMS = "SHA256SUMS"
_WEIGHTS = (".safetensors", ".bin")
_OWN = "sentence_transformers."
LEXICAL_MODULE = "drama_lexical.LexicalBranch"
"""A retriever's lexical branch in sentence-transformers. drama has its own code for it, and runs no other."""
_POINTER = b"version https://git-lfs"
_LONGEST_HEADER = 100_000_000
"""Bytes; the limit of safetensors itself."""


def write_sums(folder: Path) -> None:
    """Record the hashes of all files of a model folder but its README."""
    lines = [
        f"{sha256(folder / name)}  {name}\n" for name in _names(folder) if name not in (SUMS, "README.md")
    ]
    write_text(folder / SUMS, "".join(lines))


def check_files(folder: Path) -> None:
    """Refuse damaged files, and models that need code of their own.

    Raises:
        FileError: a file is missing, cut off, a Git LFS pointer, or not what drama wrote.
    """
    for path in sorted(folder.rglob("*.safetensors")):
        _check_safetensors(path)
    check_code(folder)
    if not (folder / SUMS).is_file():
        return
    for number, line in enumerate(read_text(folder / SUMS).splitlines(), 1):
        digest, _, name = line.partition("  ")
        path = folder / name
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise FileError(folder / SUMS, "not a line of sha256sum", line=number)
        if not path.is_file():
            raise FileError(path, f"no such file, though {SUMS} lists it", hint=_again(folder))
        if sha256(path) != digest:
            raise FileError(path, "its bytes are not those that drama wrote", hint=_again(folder))


def check_code(folder: Path) -> None:
    """Refuse a model whose layers are code in its own folder: drama never runs that.

    Raises:
        FileError: the folder names such code.
    """
    config = _json(folder / "config.json")
    code = config.get("auto_map")
    if isinstance(code, dict) and code:
        from transformers import CONFIG_MAPPING

        if config.get("model_type") not in CONFIG_MAPPING:
            raise _needs_code(folder, next(iter(code.values())))
    for path in (*folder.rglob("modules.json"), *folder.rglob("router_config.json")):
        for kind in _types(read_json(path)):
            if not kind.startswith(_OWN) and kind != LEXICAL_MODULE:
                raise _needs_code(folder, kind)


def weights_hash(folder: Path) -> str:
    """The sha256 of a model's weights: of the only weights file, else of the list of all with their names.

    It is kept in the cache as long as the files have the same sizes and times, for a model is large.

    Raises:
        FileError: the folder holds no weights.
    """
    names = _weights(folder)
    if not names:
        raise FileError(folder, "holds no weights", hint="give the folder that holds model.safetensors")
    states = [(name, (folder / name).stat()) for name in names]
    seen = [[name, state.st_size, state.st_mtime_ns, state.st_ino] for name, state in states]
    place = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
    kept = cache_root() / "hashes" / f"{place}.json"
    before = _json(kept)
    if before.get("files") == seen and isinstance(before.get("sha256"), str):
        return str(before["sha256"])
    digests = {name: sha256(folder / name) for name in names}
    found = next(iter(digests.values()))
    if len(digests) > 1:
        lines = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
        found = hashlib.sha256(lines.encode()).hexdigest()
    with suppress(OSError):  # a cache that can't be written costs only time
        write_json(kept, {"files": seen, "sha256": found})
    return found


def weights_of(folders: Mapping[str, Path]) -> dict[str, str]:
    """Figures for a manifest: `weights of NAME` → the sha256, of those folders that hold weights."""
    held = {name: folder for name, folder in folders.items() if _weights(folder)}
    return {f"weights of {name}": weights_hash(folder) for name, folder in held.items()}


def _weights(folder: Path) -> list[str]:
    return [name for name in _names(folder) if name.endswith(_WEIGHTS)]


def _names(folder: Path) -> list[str]:
    """The files of a folder, relative to it, in order."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(PARTIAL))
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _check_safetensors(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as handle:
        start = handle.read(len(_POINTER))
        if start == _POINTER:
            raise FileError(
                path,
                "a Git LFS pointer, not the weights",
                hint="fetch them: `git lfs pull` in the repository",
            )
        length = int.from_bytes(start[:8], "little")
        if len(start) < 8 or length > min(size - 8, _LONGEST_HEADER):
            raise FileError(path, "damaged or cut off: its header is incomplete", hint=_again(path.parent))
        handle.seek(8)
        text = handle.read(length)
    try:
        tensors = parse_json(text.decode())
        ends = [int(t["data_offsets"][1]) for name, t in tensors.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise FileError(path, "damaged: its header can't be read", hint=_again(path.parent)) from None
    whole = 8 + length + max(ends, default=0)
    if size != whole:
        cut = "cut off" if size < whole else "damaged"
        raise FileError(path, f"{cut}: it has {size} bytes of {whole}", hint=_again(path.parent))


def _again(folder: Path) -> str:
    if folder.resolve().is_relative_to(cache_root().resolve()):
        return f"remove {folder}: it is made again"
    if (folder / SUMS).is_file():
        return f"copy or make the folder again; if you changed it on purpose, remove {SUMS}"
    return "copy or download it again"


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none, which whoever needs it will say."""
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _types(value: Any) -> Iterator[str]:
    """The class names in a list of modules, or in a router's table of them."""
    if isinstance(value, list):
        yield from (str(module.get("type", "")) for module in value if isinstance(module, dict))
    elif isinstance(value, dict):
        types = value.get("types", {})
        yield from map(str, types.values() if isinstance(types, dict) else [])


def _needs_code(folder: Path, name: object) -> FileError:
    return FileError(
        folder,
        f"the model needs code of its own ({name}), which drama does not run",
        hint="give a model whose layers transformers or sentence-transformers has itself",
    )
