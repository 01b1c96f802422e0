"""Streams of documents from whatever a user has."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from drama.corpus.readers.formats import KNOWN_INPUTS, corpus_reader, kind, listed, page_reader
from drama.corpus.readers.hub_dataset import SCHEME, hub_dataset, read_hub_dataset
from drama.corpus.readers.options import split_options
from drama.corpus.readers.page import Page, UnreadableError
from drama.corpus.readers.python_docs import SOURCE
from drama.corpus.readers.tally import UNKNOWN, Tally
from drama.errors import DramaError, FileError, Problems
from drama.files.compression import find_file, uncompressed_name
from drama.files.folders import HIDDEN, walk
from drama.files.reading import legible
from drama.records import Document, DocumentRows, NoTextError, Reading
from drama.records.columns import NAMED

Known = Callable[[str, Path], Sequence[Document] | None]
"""A file's name in its folder, and its path → its passages, where it need not be read."""
_BEIR = "corpus.jsonl"
_CORPORA = (_BEIR, "passages.parquet")
"""Files that make a folder a corpus, the first that exists."""


def _nothing(name: str, file: Path) -> None:
    """Know no file."""


def read_input(name: str, tally: Tally | None = None, known: Known = _nothing) -> Iterator[Document]:
    """Stream the documents of a corpus; `KNOWN_INPUTS` says of which kinds.

    Args:
        name: the input.
        tally: takes note of files in folders that can't be read, which are left out; default: no note.
        known: the passages of a file in a folder, where it need not be read; default: all are read.

    Raises:
        DramaError: missing, broken, or of an unknown kind.
    """
    tally = tally or Tally()
    if name.startswith(SCHEME):
        return read_hub_dataset(name, input_name(name))
    path, columns = _split(name)
    if not path.exists():
        raise FileError(path, "no such file or folder", hint="or did you mean the embedded 'python-docs'?")
    reading = Reading(input_name(name), columns)
    file = _corpus_file(path)
    if file is None:
        return _read_folder(path, reading, tally, known)
    reader, read_page = corpus_reader(file), page_reader(file)
    if reader is not None and file is not path and uncompressed_name(file.name).lower() == _BEIR:
        # The name of a BEIR folder is what its judgments know its documents by.
        return (document._replace(source=reading.source) for document in reader(file, reading))
    if reader is not None:
        return reader(file, reading)
    if read_page is not None:
        return _read_page(read_page, file, file.name, reading, tally)
    raise DramaError(f"{file}: unknown kind of file", hint=f"give {KNOWN_INPUTS}")


def check_inputs(names: Sequence[str], out: Path) -> None:
    """Refuse inputs of a corpus that can't be read together, without reading them.

    Args:
        names: of the inputs.
        out: the folder that will be written.

    Raises:
        DramaError: none, two of one name, or all that are missing, of an unknown kind, or hold `out`.
    """
    if not names:
        raise DramaError("corpus.inputs is empty", hint="name a corpus, or 'python-docs'")
    problems = Problems()
    for name in names:
        with problems.collect():
            if name != SOURCE:
                read_input(name)
                check_outside(name, out)
    problems.raise_any()
    short = Counter(SOURCE if name == SOURCE else input_name(name) for name in names)
    name, times = short.most_common(1)[0]
    if times > 1:
        raise DramaError(f"corpus.inputs: two inputs are called '{name}'", hint="rename one of them")


def check_outside(name: str, out: Path) -> None:
    """Refuse an output folder inside a folder that is read: the next run would read it as documents.

    Raises:
        FileError: `out` is in the input, or is the input.
    """
    if name == SOURCE or name.startswith(SCHEME):
        return
    folder, _ = _split(name)
    if folder.is_dir() and _corpus_file(folder) is None and out.resolve().is_relative_to(folder.resolve()):
        hint = "name an output folder outside it"
        raise FileError(out, f"is inside the corpus {folder}, and would be read as a part of it", hint=hint)


def input_name(name: str) -> str:
    """The name of an input in ids and in `source`."""
    if name.startswith(SCHEME):
        return Path(hub_dataset(name).name).name
    path, _ = _split(name)
    return legible(
        (path.name or path.resolve().name) if path.is_dir() else Path(uncompressed_name(path.name)).stem
    )


def names_sources(name: str) -> bool:
    """Whether the documents of an input name their own sources, by the first one; assumed of the hub's."""
    if name == SOURCE or name.startswith(SCHEME):
        return name != SOURCE
    first = next(read_input(name), None)
    return first is not None and first.source != input_name(name)


def hashed_part(name: str) -> Path | None:
    """The part of an input whose content identifies it: the corpus, without judgments in its folder; None for
    a dataset of the hub, which is identified by its name alone."""
    if name.startswith(SCHEME):
        return hub_dataset(name).folder
    path, _ = _split(name)
    return find_file(path, _BEIR) or path


def _split(name: str) -> tuple[Path, dict[str, str]]:
    """A file or folder, and the columns that are named for it."""
    if "?" not in name or Path(name).exists():
        return Path(name), {}
    place, columns = split_options(name, NAMED, "papers.csv?text=abstract&id=doi")
    return Path(place), columns


def _corpus_file(path: Path) -> Path | None:
    """The file that holds a corpus: the path itself, or one in a folder; None for a folder of other files.

    Raises:
        FileError: a BEIR folder without its corpus.
    """
    if not path.is_dir():
        return path
    corpus = next((file for name in _CORPORA if (file := find_file(path, name))), None)
    if corpus is None and find_file(path, "queries.jsonl"):
        raise FileError(path, f"holds queries.jsonl but no {_BEIR}", hint="a BEIR folder has both")
    return corpus


def _read_folder(folder: Path, reading: Reading, tally: Tally, passages_of: Known) -> Iterator[Document]:
    """The documents of all files that can be read; their ids must differ."""

    def named(path: Path) -> str:
        return legible(str(path.relative_to(folder)))

    def not_read(path: Path, reason: str) -> None:
        if reason == HIDDEN:  # as a user wants it, strict or not
            tally.pass_over(named(path) + ("/" if path.is_dir() else ""), reason)
        else:
            tally.leave_out(named(path), reason)

    known = False
    passed: Counter[str] = Counter()
    for file in walk(folder, False, not_read):
        name = named(file)
        try:
            if reader := corpus_reader(file):
                rows = Reading(reading.source, reading.columns, reading.seen, f"{name}:")
                for document in reader(file, rows):
                    known = True
                    yield document
            elif (read_page := page_reader(file)) and (passages := passages_of(name, file)):
                known = True
                yield from (passage._replace(source=reading.source) for passage in passages)
            elif read_page:
                for document in _read_page(read_page, file, name, reading, tally):
                    known = True
                    yield document
            else:
                passed[kind(file)] += 1
                tally.leave_out(name, kind(file) + UNKNOWN)
        except UnreadableError as error:
            passed[error.reason] += 1
            tally.leave_out(name, error.reason, error.message)
        except NoTextError as error:
            passed["without a column of text"] += 1
            tally.leave_out(name, "table without a column of text", error.message)
    if not known:
        there = ", ".join(f"{n} {reason}" for reason, n in passed.most_common(5))
        problem = f"holds no {listed(_CORPORA, 'or')}, and no file that can be read"
        raise FileError(folder, problem + (f" ({there})" if there else ""), hint=f"give {KNOWN_INPUTS}")


def _read_page(
    read: Callable[[Path], Page], file: Path, name: str, reading: Reading, tally: Tally
) -> Iterator[Document]:
    """The document in a file; without a title of its own it has the file's name, if it has text."""
    page = read(file)
    if page.encoding:
        tally.count(f"not UTF-8, read as {page.encoding}")
    title = page.title or legible(Path(uncompressed_name(file.name)).stem)
    values: dict[str, object] = {"id": name, "text": page.text, "lang": page.lang}
    values |= {"title": title if page.text.strip() else "", "metadata": dict(page.metadata)}
    yield DocumentRows(file, reading).document(1, values)
