"""Datasets of the Hugging Face hub, or in its format on disk, as documents (the extra `datasets`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from drama.corpus.readers.columns import document_columns
from drama.errors import DramaError, MissingExtraError
from drama.records import Document, Fields, document_from

SCHEME = "hf://"
_FIELDS = ("text", "title", "id", "lang")
_OPTIONS = ("split", "config", "revision", *_FIELDS)


class HubDataset(NamedTuple):
    """A dataset, and options that choose its rows and columns."""

    name: str
    options: dict[str, str]

    @property
    def folder(self) -> Path | None:
        """Where it is on this machine; None for one on the hub."""
        path = Path(self.name)
        return path if path.is_dir() else None


def hub_dataset(name: str) -> HubDataset:
    """Split an input's name into the dataset and its options.

    >>> hub_dataset("hf://owner/name?split=test&text=body")
    HubDataset(name='owner/name', options={'split': 'test', 'text': 'body'})

    Raises:
        DramaError: no name, or an unknown option.
    """
    place, _, query = name.removeprefix(SCHEME).partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    wrong = [key for key, value in pairs if key not in _OPTIONS or not value]
    if not place or wrong:
        problem = f"'{wrong[0]}' is no option, or empty" if wrong else "names no dataset"
        raise DramaError(
            f"{name}: {problem}",
            hint=f"like {SCHEME}owner/name?split=train&text=body; options: {', '.join(_OPTIONS)}",
        )
    return HubDataset(place.rstrip("/"), dict(pairs))


def read_hub_dataset(name: str, source: str) -> Iterator[Document]:
    """Stream the rows of a dataset; nothing is downloaded as a whole.

    Columns are `text`, and optionally `title`, `lang`, `_id` or `id` (by default the row's number, from 1);
    options name others. A folder on this machine holds what `save_to_disk` wrote, or files that
    `load_dataset` reads (Parquet, Arrow, JSON, CSV).

    Raises:
        DramaError: no such dataset, split or column, the hub can't be reached, a value of the wrong type, or
            an empty or duplicate id.
        MissingExtraError: without the extra `datasets`.
    """
    wanted = hub_dataset(name)
    columns: dict[str, str] | None = None
    fields = Fields(name, "document", unit="row", hint="name another column: id=…")
    for number, row in enumerate(_rows(name, wanted), start=1):
        if columns is None:
            columns = _columns(name, wanted.options, list(row))
        values = {field: row[column] for field, column in columns.items()}
        yield document_from(fields, number, values, source)


def _columns(name: str, options: dict[str, str], there: list[str]) -> dict[str, str]:
    """Field of a document → column: the usual ones, and those that the options name."""
    named = {field: column for field, column in options.items() if field in _FIELDS}
    columns = {"text": "text"} | document_columns(there) | named
    for field, column in columns.items():
        if column not in there:
            raise DramaError(
                f"{name}: no column '{column}' (there are: {', '.join(there)})",
                hint=f"name the one that is meant: {field}=…",
            )
    return {field: columns[field] for field in _FIELDS if field in columns}


def _rows(name: str, wanted: HubDataset) -> Iterator[dict[str, Any]]:
    try:
        rows = iter(_opened(wanted))
        while (row := next(rows, None)) is not None:
            yield row
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        hint = "see the dataset's card for its splits and configs"
        if wanted.folder is None:
            hint = f"is the name right, and the hub reachable? A copy on this machine: {SCHEME}path/to/folder"
        raise DramaError(f"{name}: the dataset can't be read ({error})", hint=hint) from None


def _opened(wanted: HubDataset) -> Any:
    """The rows, one dictionary each."""
    try:
        from datasets import DatasetDict, load_dataset, load_from_disk
    except ImportError:
        raise MissingExtraError("datasets", "datasets") from None
    split = wanted.options.get("split", "train")
    folder = wanted.folder
    if folder is not None and any((folder / f).is_file() for f in ("state.json", "dataset_dict.json")):
        saved = load_from_disk(str(folder))
        if not isinstance(saved, DatasetDict):
            return saved
        if split not in saved:
            raise DramaError(f"{folder}: no split '{split}' (there are: {', '.join(saved)})")
        return saved[split]
    config, revision = wanted.options.get("config"), wanted.options.get("revision")
    return load_dataset(wanted.name, config, split=split, revision=revision, streaming=True)
