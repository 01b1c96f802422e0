"""Whatever a library says of a model that it can't open, as our own error. Imports no library."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drama.errors import DramaError

_SHOWN = 300


@contextmanager
def opening(folder: Path, what: str) -> Iterator[None]:
    """Turn any exception of the block into a DramaError that names the folder and the cause.

    Args:
        folder: the model's.
        what: what is opened, for the message: `model`, `tokenizer`.
    """
    try:
        yield
    except DramaError:
        raise
    except Exception as error:
        raise DramaError(f"{folder}: this {what} can't be opened ({cause(error)})") from error


def cause(error: Exception) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
    plain = isinstance(error, OSError | ValueError) and bool(text)
    return short if plain else f"{type(error).__name__}: {short}".removesuffix(": ")
