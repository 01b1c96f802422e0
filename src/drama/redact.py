"""Secrets are left out of what is shown or recorded: logins in addresses, values of keys and tokens."""

import re

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
