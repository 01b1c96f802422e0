"""The registry of corpus formats: a file's suffix → the function that reads it, imported on first use."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from drama.files.compression import COMPRESSIONS, uncompressed_name

if TYPE_CHECKING:
    from drama.corpus.readers.page import Page
    from drama.records import Document, Reading

CORPUS_FILES = {
    ".jsonl": "drama.records:read_documents_jsonl",
    ".csv": "drama.corpus.readers.tables:read_table",
    ".tsv": "drama.corpus.readers.tables:read_table",
    ".parquet": "drama.corpus.readers.parquet:read_parquet",
}
"""Files with a document in each line or row."""

SHARDS = (".jsonl", ".parquet")
"""Those that are read from a folder too."""

PAGES = {
    ".txt": "drama.corpus.readers.page:read_plain_page",
    ".md": "drama.corpus.readers.page:read_plain_page",
    ".html": "drama.corpus.readers.web_page:read_web_page",
    ".htm": "drama.corpus.readers.web_page:read_web_page",
}
"""Files that are one document each."""


def corpus_reader(path: Path) -> "Callable[[Path, Reading], Iterator[Document]] | None":
    """The reader of a file of documents; None for an unknown suffix."""
    return _reader(CORPUS_FILES, path)


def page_reader(path: Path) -> "Callable[[Path], Page] | None":
    """The reader of a file that is one document; None for an unknown suffix."""
    return _reader(PAGES, path)


def is_shard(path: Path) -> bool:
    """Whether a file in a folder is read as a file of documents."""
    return _suffix(CORPUS_FILES, path) in SHARDS


def _reader(readers: dict[str, str], path: Path) -> Callable[..., Any] | None:
    suffix = _suffix(readers, path)
    if suffix is None:
        return None
    reader: Callable[..., Any] = resolve_name(readers[suffix])
    return reader


def _suffix(readers: dict[str, str], path: Path) -> str | None:
    """The longest suffix that the file's name ends with (`.json.csv` rather than `.csv`), compression aside;
    Parquet is compressed inside, and read from anywhere in the file."""
    plain = uncompressed_name(path.name)
    suffixes = [suffix for suffix in readers if plain.lower().endswith(suffix)]
    longest = max(suffixes, key=len, default=None)
    return None if longest == ".parquet" and plain != path.name else longest


def listed(suffixes: Iterable[str], last: str) -> str:
    """Suffixes as a sentence lists them.

    >>> listed([".txt", ".md", ".html"], "and")
    '.txt, .md and .html'
    """
    *others, final = suffixes
    return f"{', '.join(others)} {last} {final}" if others else final


KNOWN_INPUTS = (
    f"a BEIR folder, a {listed([*CORPUS_FILES, *PAGES], 'or')} file, "
    f"a folder of {listed([*PAGES, *SHARDS], 'and')} files, or hf://owner/name?split=train&text=body; "
    f"text files may be compressed ({listed(COMPRESSIONS, 'or')}), "
    "and fields with other names follow a question mark: papers.csv?text=abstract&id=doi"
)
"""Everything that `read_input` takes, for help and errors."""
