"""When two queries count as the same: by a hash of their normalised text."""

import hashlib
import re
import unicodedata

_WORDS = re.compile(r"\w+")


def query_key(text: str) -> bytes:
    """A 16-byte hash of the text's words: Unicode-normalised (NFKC), without case, spaces and punctuation.

    A text without words is hashed as it is.

    >>> query_key("What is  LIFT?") == query_key("what is lift")
    True
    >>> query_key("?") == query_key("!")
    False
    """
    words = _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())
    return hashlib.blake2b(" ".join(words or [text]).encode(), digest_size=16).digest()
