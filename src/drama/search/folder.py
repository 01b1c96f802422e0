"""Whether a folder is an index: said before anything heavy is imported."""

from pathlib import Path

from drama.errors import FileError

INFO = "index.json"
ENCODED = "encoded.json"


def check_index(folder: Path) -> Path:
    """The description of an index, in its folder.

    Raises:
        FileError: it is no index; says how it becomes one, or where one is.
    """
    path = folder / INFO
    if not path.is_file():
        raise FileError(folder, "not an index (no index.json)", hint=_way_to(folder))
    return path


def _way_to(folder: Path) -> str:
    if (folder / ENCODED).is_file():
        return f"run `drama index {folder}` first"
    if (folder / "index" / INFO).is_file():
        return f"did you mean {folder / 'index'}?"
    return "make it with `drama index CORPUS --model MODEL --out DIR`"
