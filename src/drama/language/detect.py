"""The language of texts (py3langid: naive Bayes over bytes, 140 languages)."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from drama.errors import check_list

_READ = 1000
"""Characters of a text that are read."""
_NO_LANGUAGE = "zxx"
_SURE = 0.9
"""The least probability at which the detector is trusted on a text as short as a query."""

LANGUAGE_NAMES = {
    "ar": "Arabic", "bn": "Bengali", "de": "German", "en": "English", "es": "Spanish", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "hi": "Hindi", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "pt": "Portuguese", "ru": "Russian", "sw": "Swahili", "te": "Telugu", "th": "Thai",
    "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip
"""The paper's twenty languages, by the names that prompts use."""


def most_likely_language(texts: Iterable[str]) -> str:
    """The language with the largest sum of probabilities over the texts; empty without letters.

    >>> most_likely_language(["Der Flügel gibt Auftrieb.", "red apples", "Die Luft strömt um den Flügel."])
    'de'
    """
    check_list(texts, "texts")
    votes: Counter[str] = Counter()
    for text in texts:
        votes.update(probabilities(detector(), text))
    return max(votes, key=lambda code: votes[code], default="")


def surely_another_language(text: str, lang: str) -> bool:
    """Whether a text, even one as short as a query, is almost certainly not in this language.

    The detector must give another language at least 0.9 of the probability, or English 0.9 of what it gives
    English and this one together: an LLM that slips, slips into English. A language that the detector
    does not know is never doubted.

    >>> surely_another_language("how do wings produce lift", "de"), surely_another_language("Flügel", "de")
    (True, False)
    >>> surely_another_language("wie erzeugen Flügel den Auftrieb", "en")
    True
    """
    found = probabilities(detector(), text)
    if lang not in found:
        return False
    own, english = found.pop(lang), found.get("en", 0.0)
    return max(found.values()) >= _SURE or english >= _SURE * (english + own) > 0


def probabilities(by: Any, text: str) -> dict[str, float]:
    """The probability of each language that a detector (`by`) knows; empty for a text without letters, or
    without anything that it knows."""
    if not any(letter.isalpha() for letter in text[:_READ]):
        return {}
    found = dict(by.rank(text[:_READ]))
    found.pop(_NO_LANGUAGE, None)
    return {} if max(found.values()) == min(found.values()) < 1 else found


@lru_cache
def detector() -> Any:
    """The detector of all languages. A copy's languages may be limited."""
    from py3langid import langid  # takes a second

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def wrong_language(query: str, text: str, lang: str) -> bool:
    """Whether a query is not in the language of its text, by its script or by the detector.
    `lang` is the text's language; empty where it is not known.

    >>> wrong_language("how do wings lift a plane", "Der Flügel", "de")
    True
    >>> wrong_language("how do wings lift a plane", "Der Flügel", "")
    False
    """
    return wrong_script(query, text) or surely_another_language(query, lang)


def wrong_script(query: str, text: str) -> bool:
    """Whether a query has no letter of the script of most of its text.

    Scripts are Unicode's; those of Japanese and Chinese are one. Digits and signs don't count. A query or
    text without letters is never wrong; nor is a foreign name next to words of the right script.

    >>> wrong_script("how do wings lift", "飛行機の翼は揚力を得る"), wrong_script("Python 3", "1 + 2")
    (True, False)
    >>> wrong_script("Python 入門", "プログラミング入門"), wrong_script("wings", "Der Flügel")
    (False, False)
    >>> wrong_script("长城的历史", "กำแพงเมืองจีน"), wrong_script("长城", "日本の歴史")
    (True, False)
    """
    found, expected = _scripts(query), _scripts(text)
    return bool(found and expected) and expected.most_common(1)[0][0] not in found


def main_script(text: str) -> str:
    """The script of most letters at the beginning of a text; empty without letters."""
    return next((name for name, _ in _scripts(text[:_READ]).most_common(1)), "")


def _scripts(text: str) -> Counter[str]:
    return Counter(_script(letter) for letter in text if unicodedata.category(letter)[0] == "L")


@lru_cache(maxsize=8192)
def _script(letter: str) -> str:
    """The first word of the letter's Unicode name, which names its script."""
    script = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if script in ("HIRAGANA", "KATAKANA") else script
