"""The rules for ids and texts, whatever the file: their types, nulls and duplicates."""

from pathlib import Path
from typing import Literal

from drama.errors import DramaError, FileError
from drama.files.reading import has_control_characters, is_text


class Fields:
    """Checks the fields of one file's rows.

    >>> fields = Fields("corpus.jsonl", "document")
    >>> fields.identity(1, 7), fields.text(1, "title", None)
    ('7', '')
    >>> fields.identity(2, "7")
    Traceback (most recent call last):
    ...
    drama.errors.FileError: corpus.jsonl, line 2: duplicate document id '7'
      → ids must be unique

    Args:
        place: the file or table, as errors name it.
        kind: what the ids identify: `document` or `query`.
        unit: what the numbers count.
        hint: what to do about a wrong id.
        seen: ids so far, for files whose ids must differ from each other's too.
    """

    def __init__(
        self,
        place: Path | str,
        kind: str,
        unit: Literal["line", "row"] = "line",
        hint: str = "ids must be unique",
        seen: set[str] | None = None,
    ) -> None:
        self._place, self._kind, self._unit, self._hint = place, kind, unit, hint
        self._seen: set[str] = set() if seen is None else seen

    def error(self, number: int | None, message: str, hint: str = "") -> DramaError:
        """An error that names the line or row, or only the file."""
        if self._unit == "line" or number is None:
            return FileError(self._place, message, line=number, hint=hint)
        return DramaError(f"{self._place}, row {number}: {message}", hint=hint)

    def identity(self, number: int, value: object) -> str:
        """An id: text or an integer, unique, not empty, and without tabs, line breaks and other control
        characters, which would break the lines of qrels and runs. Space around it is left out.
        """
        is_number = isinstance(value, int) and not isinstance(value, bool)
        identity = self.text(number, "_id", str(value) if is_number else value)
        if has_control_characters(identity):
            problem = f"the {self._kind} id has a tab or a line break, or another control character"
            raise self.error(number, f"{problem}: {identity!r}", self._hint)
        identity = identity.strip()
        if not identity:
            raise self.error(number, f"the {self._kind} id is empty", self._hint)
        if identity in self._seen:
            raise self.error(number, f"duplicate {self._kind} id '{identity}'", self._hint)
        self._seen.add(identity)
        return identity

    def text(self, number: int, field: str, value: object) -> str:
        """A text; null is empty.

        Raises:
            DramaError: another type, or half of a surrogate pair.
        """
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(number, f"field '{field}' must be text, found {type(value).__name__}")
        if not is_text(value):
            raise self.error(number, f"field '{field}' holds half a character (\\ud800 to \\udfff)")
        return value
