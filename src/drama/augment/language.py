"""Whether a query can't be in its document's language, told by its script alone.

Languages that share a script can't be told from each other in a text as short as a query.
"""

import unicodedata
from collections import Counter
from functools import lru_cache

from drama.search.analysis import guess_language

_OWN_SCRIPT = ("ar", "ru", "hi")


def wrong_language(query: str, text: str) -> bool:
    """Whether a query holds no letter of the script that its text is in for the most part.

    Scripts are Latin, Arabic, Cyrillic, Devanagari, and all others together. Digits and signs don't count. A
    query or text without letters is never wrong; nor is a foreign name beside words of the right script.

    >>> wrong_language("how do wings lift", "飛行機の翼は揚力を得る"), wrong_language("Python 3", "1 + 2")
    (True, False)
    >>> wrong_language("Python 入門", "プログラミング入門"), wrong_language("wings", "Der Flügel")
    (False, False)
    """
    asked, wanted = _scripts(query), _scripts(text)
    return bool(asked and wanted) and wanted.most_common(1)[0][0] not in asked


def _scripts(text: str) -> Counter[str]:
    return Counter(_script(letter) for letter in text if unicodedata.category(letter)[0] == "L")


@lru_cache(maxsize=8192)
def _script(letter: str) -> str:
    lang = guess_language(letter)
    return lang if not lang or lang in _OWN_SCRIPT else "latin"
