"""The registry of corpus formats: a file's suffix → the function that reads it, imported on first use."""

import re
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

_TEXT = "drama.corpus.readers.page:read_plain_page"
_MARKUP = "drama.corpus.readers.markup:read_markup"
_WEB = "drama.corpus.readers.web_page:read_web_page"
PAGES = {
    ".txt": _TEXT,
    ".text": _TEXT,
    ".md": _MARKUP,
    ".markdown": _MARKUP,
    ".mdown": _MARKUP,
    ".qmd": _MARKUP,
    ".rmd": _MARKUP,
    ".rst": _MARKUP,
    ".rest": _MARKUP,
    ".adoc": _MARKUP,
    ".asciidoc": _MARKUP,
    ".org": _MARKUP,
    ".html": _WEB,
    ".htm": _WEB,
    ".xhtml": _WEB,
    ".tex": "drama.corpus.readers.latex:read_latex",
    ".ipynb": "drama.corpus.readers.notebook:read_notebook",
    ".pdf": "drama.corpus.readers.pdf:read_pdf",
    ".docx": "drama.corpus.readers.office:read_docx",
    ".epub": "drama.corpus.readers.office:read_epub",
}
"""Files that are one document each. Source code, manual pages and files without a suffix are too."""

CODE = set(
    """.awk .bash .bat .c .cc .cfg .clj .conf .cpp .cs .css .cxx .dart .el .erl .ex .exs .f .f90 .fish
    .go .groovy .h .hh .hpp .hs .hxx .ini .java .jl .js .jsx .kt .kts .lisp .lua .m .mjs .ml .mli
    .nix .pas .perl .php .pl .pm .proto .ps1 .py .pyi .pyx .r .rb .rs .scala .scm .sh .sql .svelte
    .swift .tcl .tf .toml .ts .tsx .vb .vim .vue .yaml .yml .zig .zsh""".split()  # noqa: SIM905
)
"""Suffixes of source code and of settings."""

_NOTES = re.compile(
    r"(?:readme|news|changes|changelog|history|licen[cs]e|copying|copyright|authors|todo|install|faq|notice"
    r"|contributing)[._-]",
    re.IGNORECASE,
)
"""Beginnings of names that are texts, whatever their suffix: `README.Debian`."""

_MANUAL = re.compile(r"\.(?:[1-8](?:[a-z]{1,10})?|man|mdoc)\Z", re.IGNORECASE)
"""Suffixes of manual pages: their sections."""


def corpus_reader(path: Path) -> "Callable[[Path, Reading], Iterator[Document]] | None":
    """The reader of a file of documents; None for an unknown suffix."""
    return _reader(CORPUS_FILES, path)


def page_reader(path: Path) -> "Callable[[Path], Page] | None":
    """The reader of a file that is one document; None for an unknown suffix.

    >>> [page_reader(Path(name)).__name__ for name in ("ls.1.gz", "README", "NEWS.Debian.gz", "main.rs")]
    ['read_man_page', 'read_plain_page', 'read_plain_page', 'read_code']
    """
    found = _reader(PAGES, path)
    if found is not None:
        return found
    suffix = Path(uncompressed_name(path.name)).suffix.lower()
    if suffix in CODE:
        return _resolved("drama.corpus.readers.page:read_code")
    if _MANUAL.fullmatch(suffix):
        return _resolved("drama.corpus.readers.man_page:read_man_page")
    return _resolved(_TEXT) if not suffix or _NOTES.match(path.name) else None


def kind(path: Path) -> str:
    """How files of this kind are called where they have no reader.

    >>> kind(Path("a/cat.JPG")), kind(Path("b.tar.gz"))
    ('.jpg files', '.tar.gz files')
    """
    plain = uncompressed_name(path.name)
    compression = path.name[len(plain) :]
    return f"{Path(plain).suffix}{compression} files".lower()


def _reader(readers: dict[str, str], path: Path) -> Callable[..., Any] | None:
    suffix = _suffix(readers, path)
    return None if suffix is None else _resolved(readers[suffix])


def _resolved(name: str) -> Callable[..., Any]:
    reader: Callable[..., Any] = resolve_name(name)
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
    "source code, a manual page, a folder of such files, or hf://owner/name?split=train&text=body; "
    f"text files may be compressed ({listed(COMPRESSIONS, 'or')}), "
    "and fields with other names follow a question mark: papers.csv?text=abstract&id=doi"
)
"""Everything that `read_input` takes, for help and errors."""
