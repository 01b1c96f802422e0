"""The registry of corpus formats: a file's suffix → the function that reads it, imported on first use."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

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


def corpus_reader(suffix: str) -> "Callable[[Path, str], Iterator[Document]] | None":
    """The reader of a file of documents: (path, source) → documents; None for an unknown suffix."""
    name = CORPUS_FILES.get(suffix.lower())
    return resolve_name(name) if name else None


def page_reader(suffix: str) -> "Callable[[Path], Page] | None":
    """The reader of a file that is one document; None for an unknown suffix."""
    name = PAGES.get(suffix.lower())
    return resolve_name(name) if name else None


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
