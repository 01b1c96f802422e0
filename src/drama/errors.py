"""Errors a user can act on: what is wrong, where, and what to do. Any other exception is a bug.

The command line prints a `DramaError` as two lines and exits with status 2, without a traceback. A wrong type
in a call from Python is a `TypeError`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class DramaError(Exception):
    """A mistake in the input, the recipe or the environment.

    Args:
        message: what is wrong, naming the file, line or field.
        hint: what to do about it, shown on a second line.

    >>> str(DramaError("no such model: 'smolm2'", hint="did you mean 'smollm2-135m'?"))
    "no such model: 'smolm2'\\n  → did you mean 'smollm2-135m'?"
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


class FileError(DramaError):
    """A mistake in a file, with the line number if it is known.

    >>> FileError("corpus.jsonl", "not valid JSON", line=3).message
    'corpus.jsonl, line 3: not valid JSON'
    """

    def __init__(self, path: Path | str, message: str, *, line: int | None = None, hint: str = "") -> None:
        where = f"{path}, line {line}" if line is not None else str(path)
        super().__init__(f"{where}: {message}", hint)
        self.path = Path(path)
        self.line = line


class MissingExtraError(DramaError):
    """An optional library is not installed.

    >>> print(MissingExtraError("sentence_transformers", "sentence-transformers"))
    this needs the library 'sentence_transformers', which is not installed
      → pip install 'drama-retrieval[sentence-transformers]'
    """

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"this needs the library '{library}', which is not installed",
            hint=f"pip install 'drama-retrieval[{extra}]'",
        )


class ProblemsError(DramaError):
    """Several mistakes, listed one below the other."""

    def __init__(self, errors: Sequence[DramaError]) -> None:
        listed = (str(error).replace("\n", "\n  ") for error in errors)
        super().__init__("\n  ".join([f"{len(errors)} problems", *listed]))
        self.errors = errors


class Problems:
    """Collects errors, so that a user sees all of them at once.

    >>> problems = Problems()
    >>> with problems.collect():
    ...     raise DramaError("run: this key is required")
    >>> with problems.collect():
    ...     raise DramaError("prune.layer: unknown key", hint="did you mean 'layers'?")
    >>> problems.raise_any()
    Traceback (most recent call last):
    ...
    drama.errors.ProblemsError: 2 problems
      run: this key is required
      prune.layer: unknown key
        → did you mean 'layers'?
    """

    def __init__(self, found: Sequence[DramaError] = ()) -> None:
        self._found = list(found)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep a DramaError of the block and go on after it."""
        try:
            yield
        except ProblemsError as several:
            self._found += several.errors
        except DramaError as error:
            self._found.append(error)

    def raise_any(self) -> None:
        """Raise what was collected, if anything: one error as it is, several as one that lists them."""
        found = list({str(error): error for error in self._found}.values())  # each once
        if len(found) == 1:
            raise found[0]
        if found:
            raise ProblemsError(found)


def check_list(items: Iterable[object], name: str, of: type = str) -> None:
    """Refuse one text where a list is needed, which would be read as a list of its characters; and items of
    another type, as far as they are in memory.

    >>> check_list("wings", "queries")
    Traceback (most recent call last):
    TypeError: queries: a list is needed, not one text (write ['…'])
    >>> check_list(["wings", None], "queries")
    Traceback (most recent call last):
    TypeError: queries[1]: a str is needed, not a NoneType
    """
    if isinstance(items, (str, bytes)):
        raise TypeError(f"{name}: a list is needed, not one text (write ['…'])")
    if isinstance(items, (list, tuple)):
        for place, item in enumerate(items):
            if not isinstance(item, of):
                raise TypeError(f"{name}[{place}]: a {of.__name__} is needed, not a {type(item).__name__}")
