"""The registry of corpus formats: a file's suffix → the function that reads it, imported on first use."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drama.corpus.readers.page import Page
    from drama.records import Document

CORPUS_FILES = {
    ".jsonl": "drama.records:read_documents_jsonl",
    ".csv": "drama.corpus.readers.tables:read_table",
    ".tsv": "drama.corpus.readers.tables:read_table",
    ".parquet": "drama.corpus.readers.parquet:read_parquet",
}
"""Files with a document in each line or row."""

PAGES = {
    ".txt": "drama.corpus.readers.page:read_text",
    ".md": "drama.corpus.readers.page:read_text",
    ".html": "drama.corpus.readers.web_page:read_web_page",
    ".htm": "drama.corpus.readers.web_page:read_web_page",
}
"""Files that are one document each, read from a folder."""


def corpus_reader(path: Path) -> "Callable[[Path, str], Iterator[Document]] | None":
    """The reader of a file of documents: (path, source) → documents; None for an unknown suffix."""
    return _reader(CORPUS_FILES, path)


def page_reader(path: Path) -> "Callable[[Path], Page] | None":
    """The reader of a file that is one document; None for an unknown suffix."""
    return _reader(PAGES, path)


def _reader(readers: dict[str, str], path: Path) -> Callable[..., Any] | None:
    """The reader for the longest suffix that the file's name ends with (`.jsonl.gz` rather than `.gz`)."""
    suffixes = [suffix for suffix in readers if path.name.lower().endswith(suffix)]
    if not suffixes:
        return None
    reader: Callable[..., Any] = resolve_name(readers[max(suffixes, key=len)])
    return reader


def listed(suffixes: Iterable[str], last: str) -> str:
    """Suffixes as a sentence lists them.

    >>> listed([".txt", ".md", ".html"], "and")
    '.txt, .md and .html'
    """
    *others, final = suffixes
    return f"{', '.join(others)} {last} {final}" if others else final


KNOWN_INPUTS = (
    f"a BEIR folder, a {listed(CORPUS_FILES, 'or')} file, a folder of {listed(PAGES, 'and')} files, "
    "or hf://owner/name?split=train&text=body"
)
"""Everything that `read_input` takes, for help and errors."""
