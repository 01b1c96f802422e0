"""Errors a user can act on: what is wrong, where, and what to do. Any other exception is a bug.

The command line prints a `DramaError` as two lines and exits with status 2, without a traceback.
"""

import re
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


_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET_NAME = (
    r"(?:[\w-]*(?:api[_-]?key|(?:access|auth)[_-]?token|passw(?:or)?d|secret|authorization)|key|token|sig)"
)
_SECRET_VALUE = re.compile(
    rf"""((?<![\w-]){_SECRET_NAME}["']?\s*[:=]\s*["']?)(?:(?:Bearer|Basic)\s+)?[^\s"'&#,}}\]]+""",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?<=Bearer )\S+", re.IGNORECASE)


def secret_name(name: str) -> bool:
    """Whether a key's name says that its value is a secret.

    >>> secret_name("api_key"), secret_name("X-Api-Key"), secret_name("max_tokens"), secret_name("keywords")
    (True, True, False, False)
    """
    return re.fullmatch(_SECRET_NAME, name, re.IGNORECASE) is not None


def redacted(text: str) -> str:
    """A text without what looks like a secret: logins in addresses, and the values of keys, tokens and
    passwords.

    >>> redacted("http://me:pw@host/v1?api_key=abc#m --set a.password=abc max_tokens=5")
    'http://…@host/v1?api_key=…#m --set a.password=… max_tokens=5'
    >>> redacted('{"Authorization": "Bearer abc", "key": "abc"}')
    '{"Authorization": "…", "key": "…"}'
    """
    text = _LOGIN.sub("…@", text)
    text = _SECRET_VALUE.sub(r"\1…", text)
    return _BEARER.sub("…", text)
