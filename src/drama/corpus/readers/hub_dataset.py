"""Datasets of the Hugging Face hub, or in its format on disk, as documents (the extra `datasets`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from drama.corpus.readers.options import split_options
from drama.errors import DramaError, MissingExtraError
from drama.records import Document, DocumentRows, Reading
from drama.records.columns import NAMED

SCHEME = "hf://"
_EXAMPLE = f"{SCHEME}owner/name?split=train&text=body"
_OPTIONS = ("split", "config", "revision", *NAMED)


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
    place, options = split_options(name.removeprefix(SCHEME), _OPTIONS, _EXAMPLE)
    return HubDataset(place.rstrip("/"), options)


def read_hub_dataset(name: str, source: str) -> Iterator[Document]:
    """Stream the rows of a dataset; nothing is downloaded as a whole.

    Columns are as for `document_columns` (without one for ids, a row's number is its id, from 1); options
    name others. A folder on this machine holds what `save_to_disk` wrote, or files that `load_dataset` reads
    (Parquet, Arrow, JSON, CSV).

    Raises:
        DramaError: no such dataset, split or column, the hub can't be reached, a value of the wrong type, or
            an id against the rules.
        MissingExtraError: without the extra `datasets`.
    """
    wanted = hub_dataset(name)
    named = {field: column for field, column in wanted.options.items() if field in NAMED}
    rows = DocumentRows(name, Reading(source, named), unit="row", hint="name another column: id=…")
    columns: dict[str, str] | None = None
    for number, row in enumerate(_rows(name, wanted), start=1):
        columns = columns or rows.columns(list(row))
        yield rows.document(number, {field: row[column] for field, column in columns.items()})


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
