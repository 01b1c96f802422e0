"""Token ids of the texts that training needs; the documents' in a memory-mapped file.

A step reads the documents that it needs, the rest stays on disk.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drama.console import warn
from drama.errors import FileError
from drama.files import atomic_folder
from drama.records import Example, read_passages
from drama.retriever import Retriever

_BLOCK = 4096
_IDS, _ENDS, _TOKENS = "ids.json", "ends.npy", "tokens.int32"


def document_tokens(
    retriever: Retriever, passages: Sequence[Path], examples: Sequence[Example], max_length: int, folder: Path
) -> "TokenFile":
    """Token ids of each passage that the examples name, in a folder; passages are streamed.

    An existing folder, from before an interruption or from another process, is reused: it is in a stage's
    folder, which is emptied when the inputs or the settings change. A damaged one is rebuilt.

    Raises:
        FileError: an example names a passage that is missing.
    """
    try:
        return TokenFile(folder)
    except (OSError, ValueError, EOFError) as error:
        if folder.is_dir():
            warn(f"{folder}: damaged, rebuilding it ({error})")
    missing = {i for e in examples for i in (*e.positive_ids, *e.negative_ids)}
    wanted = frozenset(missing)

    def blocks() -> Iterator[tuple[list[str], list[list[int]]]]:
        chosen = (d for path in passages for d in read_passages(path) if d.id in wanted)
        while block := list(islice(chosen, _BLOCK)):
            ids = [d.id for d in block]
            missing.difference_update(ids)
            yield ids, retriever.tokens([d.full_text for d in block], "document", max_length)
        if missing:
            raise FileError(
                passages[0],
                f"{len(missing)} passages that the examples name are missing, e.g. '{min(missing)}'",
                hint="examples and passages must come from the same corpus",
            )

    write_tokens(folder, blocks())
    return TokenFile(folder)


def write_tokens(folder: Path, texts: Iterable[tuple[Sequence[str], Sequence[Sequence[int]]]]) -> None:
    """Write blocks of (ids, their token ids) for `TokenFile`; the folder is complete or absent."""
    ids: list[str] = []
    lengths: list[int] = []
    with atomic_folder(folder) as partial:
        with (partial / _TOKENS).open("wb") as file:
            for block, tokens in texts:
                ids += block
                lengths += map(len, tokens)
                np.fromiter(chain.from_iterable(tokens), dtype=np.int32).tofile(file)
            file.flush()
            os.fsync(file.fileno())
        np.save(partial / _ENDS, np.cumsum([0, *lengths], dtype=np.int64))
        (partial / _IDS).write_text(json.dumps(ids), encoding="utf-8")


class TokenFile(Mapping[str, list[int]]):
    """Token ids by the text's id; of texts with the same id, the last one's.

    Args:
        folder: what `write_tokens` wrote.

    Raises:
        OSError, ValueError, EOFError: it is missing or incomplete.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     write_tokens(Path(place) / "tokens", [(["a", "b"], [[1, 5, 2], [1, 2]])])
    ...     tokens = TokenFile(Path(place) / "tokens")
    ...     tokens["a"], tokens["b"], len(tokens)
    ([1, 5, 2], [1, 2], 2)
    """

    def __init__(self, folder: Path) -> None:
        ids: list[str] = json.loads((folder / _IDS).read_text(encoding="utf-8"))
        self._ends: npt.NDArray[np.int64] = np.load(folder / _ENDS)
        self._flat = np.memmap(folder / _TOKENS, dtype=np.int32, mode="r")
        if len(self._ends) != len(ids) + 1 or self._ends[-1] != len(self._flat):
            raise ValueError(f"{folder}: its files do not match")
        self._rows = {identity: row for row, identity in enumerate(ids)}

    def __getitem__(self, identity: str) -> list[int]:
        """The token ids of a text."""
        row = self._rows[identity]
        found: list[int] = self._flat[self._ends[row] : self._ends[row + 1]].tolist()
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
