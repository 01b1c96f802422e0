"""Streams of documents from whatever a user has."""

from collections.abc import Iterator
from pathlib import Path

from drama.corpus.readers.formats import KNOWN_INPUTS, PAGES, corpus_reader, listed, page_reader
from drama.corpus.readers.hub_dataset import SCHEME, hub_dataset, read_hub_dataset
from drama.errors import DramaError, FileError
from drama.records import Document

_CORPORA = ("corpus.jsonl", "passages.parquet")
"""Files that make a folder a corpus, the first that exists."""


def read_input(name: str) -> Iterator[Document]:
    """Stream the documents of a corpus; `KNOWN_INPUTS` says of which kinds.

    Raises:
        DramaError: missing, broken, or of an unknown kind.
    """
    if name.startswith(SCHEME):
        return read_hub_dataset(name, input_name(name))
    path = Path(name)
    if not path.exists():
        raise FileError(path, "no such file or folder", hint="or did you mean the embedded 'python-docs'?")
    file = _corpus_file(path)
    if file is None:
        return _read_pages(path)
    reader = corpus_reader(file)
    if reader is None:
        raise DramaError(f"{path}: unknown kind of file", hint=f"give {KNOWN_INPUTS}")
    return reader(file, input_name(name))


def input_name(name: str) -> str:
    """The name of an input in ids and in `source`."""
    if name.startswith(SCHEME):
        return Path(hub_dataset(name).name).name
    path = Path(name)
    return path.name if path.is_dir() else path.stem


def hashed_part(name: str) -> Path | None:
    """The part of an input whose content identifies it: the corpus, without judgments in its folder; None for
    a dataset of the hub, which is identified by its name alone."""
    if name.startswith(SCHEME):
        return hub_dataset(name).folder
    path = Path(name)
    return path / "corpus.jsonl" if (path / "corpus.jsonl").is_file() else path


def other_files(name: str) -> int:
    """Number of files in a folder of pages that are of another kind and not read; hidden ones don't count."""
    folder = Path(name)
    if name.startswith(SCHEME) or not folder.is_dir() or _corpus_file(folder) is not None:
        return 0
    return sum(1 for file in _visible(folder) if page_reader(file) is None)


def _corpus_file(path: Path) -> Path | None:
    """The file that holds a corpus: the path itself, or one in a folder; None for a folder of pages."""
    if not path.is_dir():
        return path
    return next((path / name for name in _CORPORA if (path / name).is_file()), None)


def _visible(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _read_pages(folder: Path) -> Iterator[Document]:
    readers = [(file, reader) for file in _visible(folder) if (reader := page_reader(file))]
    if not readers:
        problem = f"holds no {listed(_CORPORA, 'or')}, and no {listed(PAGES, 'or')} files"
        raise FileError(folder, problem, hint=f"give {KNOWN_INPUTS}")
    for file, reader in readers:
        page = reader(file)
        identity = str(file.relative_to(folder))
        yield Document(identity, page.title or file.stem, page.text, page.lang, folder.name)
