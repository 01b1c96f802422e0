"""Stops without a space after them: "disease.Recent" is two sentences; "3.50", "J.Smith" and "x.Org" are one.

A stop joins what it stands between where that can be seen: digits, initials, abbreviations, addresses, names
of files and of things in code. Everywhere else it ends a sentence if it would with a space after it.
"""

import regex
from sentencex import segment

UNSPACED_STOP = regex.compile(r"(?<=[\p{L}\p{N}][\])\"'”’»%]*[.…])(?=[\[(\"“«¿¡]?\p{Lu})")
"""Stops before a capital; the splitter does not see them after digits and ellipses."""

_GOES_ON = regex.compile(r"[\p{M},;:)\]}/_=ºª%]|[-‐‑–]\p{L}")
"""Nothing that begins a sentence."""
_TOKEN = regex.compile(r"[^\s\p{Han}\p{Hiragana}\p{Katakana}。！？।]+$")
_ADDRESS = regex.compile(r"://|@|^\W*(?:www\.|~?/|\.{1,2}/)|/.*/", regex.IGNORECASE)
_INITIAL = regex.compile(
    r"(?<![\p{L}\p{N}\p{M}])\p{Lu}\p{Mn}*\u200d?\.$|(?<![\p{L}\p{N}\p{M}'’])\p{L}[\p{Mn}--\p{Script=Deva}]*\u200d?\.$",
    regex.VERSION1,
)
"""A single letter; in Devanagari without a vowel sign, since "है" ends sentences."""
_HIDDEN = regex.compile(r"\p{Lu}{2,4}\b|[A-Z][a-z]+[A-Z]")
"""What follows a stop that begins a name: `.NET`, `.BAK`, `.LoadLibrary`."""
_DOTTED = regex.compile(r"\p{L}\.\p{L}")
_INITIALS = regex.compile(r"^\P{L}*(?:\p{L}\p{Mn}*\.)+(?=\p{L}\p{M}*\p{L})")
_NAME = regex.compile(r"[\w$]+\(\)|\w{5,}\.\w{2,}|\w{2,}\.\p{Ll}|[\w.+-]+@\w")
"""A call, a dotted name (but "Prof.Weber"), the rest of an e-mail address."""
_LAST_WORD, _FIRST_WORD = regex.compile(r"\w+(?=\.$)"), regex.compile(r"\w+")
_CAMEL = regex.compile(r"\p{Ll}\p{Lu}|_")
_SUFFIX = regex.compile(
    r"(?:7z|avi|bmp|bz2|cfg|cpp|css|csv|dll|docx?|epub|exe|gif|gz|html?|ini|jar|jpe?g|js|jsonl?|mkv|mp[34]|odt|ogg"
    r"|pdf|php|png|pptx?|py|rb|rpm|rtf|sql|svg|tex|tiff?|toml|tsv|txt|utf|wav|webp|xlsx?|xml|ya?ml|zip|zst)\b"
    r"|(?:bak|bat|com|edu|gov|ico|io|java|log|md|net|org|sh|tar|ts)\b(?!\s+\p{Ll})",
    regex.IGNORECASE,
)
"""Of files and sites; those that are words too, if no sentence follows."""
_ENUMERATOR = regex.compile(r"[(\[]?(?:\p{N}{1,3}|\p{L})\.")


def joins(sentence: str, following: str, lang: str) -> bool:
    """Whether a stop without a space after it, or whatever else ends the first piece, ends no sentence.

    >>> [joins(*pieces, "en") for pieces in [("3.", "50"), ("by J.", "Smith"), ("see www.example.", "Org")]]
    [True, True, True]
    >>> joins("It is seen in disease.", "Recent work", "en"), joins("It was in 2019.", "We saw", "en")
    (False, False)
    """
    found, head = _TOKEN.search(sentence), following.split()[0]
    token = found.group() if found else ""
    if _GOES_ON.match(head) or _ADDRESS.search(token):
        return True
    if not token.endswith((".", "…")):
        return False
    if token.endswith(("..", "…")):
        return not head[0].isupper()
    if token == ".":
        return _HIDDEN.match(head) is not None
    if (token[-2:-1].isdigit() and head[0].isdigit()) or _ENUMERATOR.fullmatch(sentence):
        return True
    if (
        _DOTTED.search(_INITIALS.sub("", token))
        or _NAME.match(head)
        or _SUFFIX.match(following)
        or _are_names(token, head)
    ):
        return True
    # In English the splitter knows words that begin sentences: "vitamin C.Then" is two, "by J.Smith" is one.
    if _INITIAL.search(token) and (lang not in ("en", "") or token[0].islower()):
        return True
    spaced = f"{sentence} {following}"
    ends, end = set(), 0
    for piece in segment(lang or "en", spaced):
        end += len(piece)
        ends.add(end)
    return not ends & {len(sentence), len(sentence) + 1}


def _are_names(token: str, head: str) -> bool:
    """Names in code, in camel case or in capitals: `Scope.BasicLibraries`, `NETWORKDAYS.INTL`, `os.F_OK`."""
    left, right = _LAST_WORD.search(token), _FIRST_WORD.match(head)
    if left is None or right is None:
        return False
    words = left.group(), right.group()
    if "_" in words[1] or all(map(_CAMEL.search, words)):
        return True
    return all(len(word) > 1 and word.isupper() for word in words)
