"""Streams of documents from whatever a user has."""

from collections.abc import Iterator
from pathlib import Path

from drama.corpus.readers.hub_dataset import SCHEME, hub_dataset, read_hub_dataset
from drama.corpus.readers.parquet import read_parquet
from drama.corpus.readers.tables import read_table
from drama.corpus.readers.web_page import read_web_page
from drama.errors import DramaError, FileError
from drama.records import Document, read_documents_jsonl

_TABLES = (".csv", ".tsv")
_WEB_PAGES = (".html", ".htm")
_TEXT_FILES = (".txt", ".md", *_WEB_PAGES)


def read_input(name: str) -> Iterator[Document]:
    """Stream the documents of a BEIR folder, a .jsonl, .csv, .tsv or .parquet, a folder of text files, or a
    dataset of the hub (`hf://…`).

    Raises:
        DramaError: missing, broken, or of a form that is not known.
    """
    if name.startswith(SCHEME):
        return read_hub_dataset(name, input_name(name))
    path = Path(name)
    if path.is_dir():
        if (path / "corpus.jsonl").is_file():
            return read_documents_jsonl(path / "corpus.jsonl", source=path.name)
        if (path / "passages.parquet").is_file():
            return read_parquet(path / "passages.parquet", source=path.name)
        return _text_files(path)
    if not path.exists():
        raise FileError(path, "no such file or folder", hint="or did you mean the embedded 'python-docs'?")
    if path.suffix == ".jsonl":
        return read_documents_jsonl(path, source=path.stem)
    if path.suffix in _TABLES:
        return read_table(path, source=path.stem)
    if path.suffix == ".parquet":
        return read_parquet(path, source=path.stem)
    raise DramaError(
        f"{path}: can't tell what this is",
        hint="give a BEIR folder, a .jsonl, .csv, .tsv or .parquet, a folder of .txt, .md and "
        ".html files, or hf://owner/name",
    )


def input_name(name: str) -> str:
    """What an input is called in ids and in `source`."""
    if name.startswith(SCHEME):
        return Path(hub_dataset(name).name).name
    path = Path(name)
    return path.name if path.is_dir() else path.stem


def hashed_part(name: str) -> Path | None:
    """What decides whether an input is the same as before: judgments beside a corpus don't.

    None for a dataset of the hub, which is told by its name alone.
    """
    if name.startswith(SCHEME):
        return hub_dataset(name).folder
    path = Path(name)
    return path / "corpus.jsonl" if (path / "corpus.jsonl").is_file() else path


def other_files(name: str) -> int:
    """How many files of a folder of text files are of another kind, and not read; hidden ones don't count."""
    folder = Path(name)
    if name.startswith(SCHEME) or not folder.is_dir():
        return 0
    if any((folder / known).is_file() for known in ("corpus.jsonl", "passages.parquet")):
        return 0
    return sum(1 for file in _files(folder) if file.suffix.lower() not in _TEXT_FILES)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _text_files(folder: Path) -> Iterator[Document]:
    files = [file for file in _files(folder) if file.suffix.lower() in _TEXT_FILES]
    if not files:
        hint = "a corpus folder holds corpus.jsonl, or .txt, .md and .html files"
        raise FileError(folder, "holds no corpus.jsonl and no .txt, .md or .html files", hint=hint)
    for file in files:
        identity = str(file.relative_to(folder))
        if file.suffix.lower() in _WEB_PAGES:
            page = read_web_page(file)
            yield Document(identity, page.title or file.stem, page.text, page.lang, folder.name)
            continue
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise FileError(file, "not UTF-8") from None
        yield Document(identity, file.stem, text, "", folder.name)
