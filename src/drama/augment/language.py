"""Whether a query can't be in its document's language: by its script, and by a detector where it is sure."""

import unicodedata
from collections import Counter
from functools import lru_cache

from drama.augment.settings import LanguageCheck
from drama.language import surely_another_language


def wrong_language(query: str, text: str, lang: str, check: LanguageCheck) -> bool:
    """Whether a query is not in the language of its text.

    Args:
        query: what an LLM wrote.
        text: what it read.
        lang: the text's language; empty where it is not known.
        check: `script`, `detector` (script, and then the detector), or `none`.

    >>> wrong_language("how do wings lift a plane", "Der Flügel", "de", "detector")
    True
    >>> wrong_language("how do wings lift a plane", "Der Flügel", "de", "script")
    False
    """
    if check == "none":
        return False
    return wrong_script(query, text) or (check == "detector" and surely_another_language(query, lang))


def wrong_script(query: str, text: str) -> bool:
    """Whether a query holds no letter of the script that its text is in for the most part.

    Scripts are Unicode's; those of Japanese and Chinese are one. Digits and signs don't count. A query or
    text without letters is never wrong; nor is a foreign name beside words of the right script.

    >>> wrong_script("how do wings lift", "飛行機の翼は揚力を得る"), wrong_script("Python 3", "1 + 2")
    (True, False)
    >>> wrong_script("Python 入門", "プログラミング入門"), wrong_script("wings", "Der Flügel")
    (False, False)
    >>> wrong_script("长城的历史", "กำแพงเมืองจีน"), wrong_script("长城", "日本の歴史")
    (True, False)
    """
    asked, wanted = _scripts(query), _scripts(text)
    return bool(asked and wanted) and wanted.most_common(1)[0][0] not in asked


def _scripts(text: str) -> Counter[str]:
    return Counter(_script(letter) for letter in text if unicodedata.category(letter)[0] == "L")


@lru_cache(maxsize=8192)
def _script(letter: str) -> str:
    """The first word of the letter's name, which is its script's."""
    script = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if script in ("HIRAGANA", "KATAKANA") else script
