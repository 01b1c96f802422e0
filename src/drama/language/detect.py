"""The language of a document that names none (py3langid: naive Bayes over bytes, 140 languages)."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from py3langid import langid

from drama.errors import DramaError

_LETTERS = 1000
"""Letters of a text that are looked at."""
_SURE = 0.9
"""Probability from which on the detector is taken at its word about a text as short as a query."""

LANGUAGE_NAMES = {
    "ar": "Arabic", "bn": "Bengali", "de": "German", "en": "English", "es": "Spanish", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "hi": "Hindi", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "pt": "Portuguese", "ru": "Russian", "sw": "Swahili", "te": "Telugu", "th": "Thai",
    "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip
"""The paper's twenty, as an LLM is told of them."""


class LanguageDetector:
    """Tells the language of a text.

    >>> LanguageDetector([])("Der Flügel gibt Auftrieb."), LanguageDetector(["sw"])("Der Flügel")
    ('de', 'sw')

    Args:
        languages: the codes to choose from, which makes short texts surer; none: all that are known. One
            alone is what every text is, and may be a code that the detector does not know.

    Raises:
        DramaError: one of several is not known.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        self._only = languages[0] if len(languages) == 1 else None
        if self._only is None:
            self._identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
            unknown = [code for code in languages if code not in self._identifier.labels]
            if unknown:
                known = ", ".join(sorted(self._identifier.labels))
                raise DramaError(
                    f"corpus.languages: '{unknown[0]}' can't be detected", hint=f"known: {known}"
                )
            self._identifier.set_languages(list(languages) or None)

    def __call__(self, text: str) -> str:
        """The code of the language; empty for a text without letters."""
        if self._only is not None:
            return self._only
        if not any(letter.isalpha() for letter in text[:_LETTERS]):
            return ""
        code: str = self._identifier.classify(text[:_LETTERS])[0]
        return code


def surely_another_language(text: str, lang: str) -> bool:
    """Whether a text, short as a query maybe, is not in this language beyond reasonable doubt.

    The detector must give another language nine tenths of the probability, or English nine tenths of what
    it gives English and this one: where an LLM slips, it slips into English. Languages that the detector
    does not know are never doubted.

    >>> surely_another_language("how do wings produce lift", "de"), surely_another_language("Flügel", "de")
    (True, False)
    >>> surely_another_language("wie erzeugen Flügel den Auftrieb", "en")
    True
    """
    identifier = _sure_identifier()
    if lang not in identifier.labels or not any(letter.isalpha() for letter in text[:_LETTERS]):
        return False
    found: dict[str, float] = dict(identifier.rank(text[:_LETTERS]))
    own = found.pop(lang)
    english = found.get("en", 0.0)
    return max(found.values()) >= _SURE or english >= _SURE * (english + own) > 0


@lru_cache
def _sure_identifier() -> langid.LanguageIdentifier:
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def wrong_language(query: str, text: str, lang: str) -> bool:
    """Whether a query is not in the language of its text: by its script, or surely by the detector.

    Args:
        query: what an LLM wrote.
        text: what it read.
        lang: the text's language; empty where it is not known.

    >>> wrong_language("how do wings lift a plane", "Der Flügel", "de")
    True
    >>> wrong_language("how do wings lift a plane", "Der Flügel", "")
    False
    """
    return wrong_script(query, text) or surely_another_language(query, lang)


def wrong_script(query: str, text: str) -> bool:
    """Whether a query has no letter of the script that most of its text is in.

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


def _scripts(text: str) -> Counter[str]:
    return Counter(_script(letter) for letter in text if unicodedata.category(letter)[0] == "L")


@lru_cache(maxsize=8192)
def _script(letter: str) -> str:
    """The first word of the letter's Unicode name, which is its script's."""
    script = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if script in ("HIRAGANA", "KATAKANA") else script
