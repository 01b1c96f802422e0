"""Token ids of the documents that training needs, in a memory-mapped Arrow file with a checksum at its end.

A step reads the documents that it needs, the rest stays on disk.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa

from drama.console import warn
from drama.errors import FileError
from drama.files import atomic_file
from drama.files.checksums import SEAL, is_sealed, seal
from drama.records import Example, read_passages
from drama.retriever import Retriever

_BLOCK = 4096
_SCHEMA = pa.schema({"id": pa.string(), "tokens": pa.list_(pa.int32())})


def document_tokens(
    retriever: Retriever, passages: Sequence[Path], examples: Sequence[Example], max_length: int, path: Path
) -> "TokenFile":
    """Token ids of each passage that the examples name, in a file; passages are streamed.

    An existing file, from before an interruption or from another process, is reused: it is in a stage's
    folder, which is emptied when the inputs or the settings change. A damaged one is rebuilt.

    Raises:
        FileError: an example names a passage that is missing.
    """
    try:
        return TokenFile(path)
    except (OSError, ValueError) as error:
        if path.exists():
            warn(f"{path}: damaged, rebuilding it ({error})")
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

    write_tokens(path, blocks())
    return TokenFile(path)


def write_tokens(path: Path, texts: Iterable[tuple[list[str], list[list[int]]]]) -> None:
    """Write blocks of (ids, their token ids) for `TokenFile`; the file is complete or absent."""
    with atomic_file(path) as partial:
        with pa.ipc.new_file(str(partial), _SCHEMA) as file:
            for ids, tokens in texts:
                file.write_batch(pa.record_batch([ids, tokens], schema=_SCHEMA))
        seal(partial)


class TokenFile(Mapping[str, list[int]]):
    """Token ids by the text's id; of texts with the same id, the last one's.

    Args:
        path: what `write_tokens` wrote.

    Raises:
        OSError, ValueError: it is missing, incomplete or damaged.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_tokens(Path(folder) / "tokens", [(["a", "b"], [[1, 5, 2], [1, 2]])])
    ...     tokens = TokenFile(Path(folder) / "tokens")
    ...     tokens["a"], tokens["b"], len(tokens)
    ([1, 5, 2], [1, 2], 2)
    """

    def __init__(self, path: Path) -> None:
        if not is_sealed(path):
            raise ValueError("its checksum does not fit")
        whole = pa.memory_map(str(path)).read_buffer()
        table = pa.ipc.open_file(whole.slice(0, whole.size - SEAL)).read_all()
        self._tokens = table["tokens"]
        self._rows = {identity: row for row, identity in enumerate(table["id"].to_pylist())}

    def __getitem__(self, identity: str) -> list[int]:
        """The token ids of a text."""
        found: list[int] = self._tokens[self._rows[identity]].values.to_numpy().tolist()
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
