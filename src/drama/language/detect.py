"""The language of texts (py3langid: naive Bayes over bytes, 140 languages)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from drama.errors import DramaError

_READ = 1000
"""Characters of a text that are read."""
_SURE = 0.9
"""The probability from which the detector is believed about a text as short as a query."""

LANGUAGE_NAMES = {
    "ar": "Arabic", "bn": "Bengali", "de": "German", "en": "English", "es": "Spanish", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "hi": "Hindi", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "pt": "Portuguese", "ru": "Russian", "sw": "Swahili", "te": "Telugu", "th": "Thai",
    "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip
"""The paper's twenty languages, by the names that prompts use."""


class LanguageDetector:
    """Detects the language of a text.

    >>> LanguageDetector([])("Der Flügel gibt Auftrieb."), LanguageDetector(["sw"])("Der Flügel")
    ('de', 'sw')

    Args:
        languages: the codes to choose from, which makes short texts surer; by default all known ones. A
            single code is the language of every text, and need not be known to the detector.

    Raises:
        DramaError: one of several codes is unknown.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        self._only = languages[0] if len(languages) == 1 else None
        if self._only is None:
            self._identifier = _load(norm_probs=False)
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
        code: str = self._identifier.classify(text[:_READ])[0] if _has_letters(text) else ""
        return code


def most_likely_language(texts: Iterable[str]) -> str:
    """The language in which most of the texts are, by the sum of its probabilities; empty without letters.

    >>> most_likely_language(["Der Flügel gibt Auftrieb.", "red apples", "Die Luft strömt um den Flügel."])
    'de'
    """
    votes: Counter[str] = Counter()
    for text in texts:
        votes.update(_probabilities(text))
    return max(votes, key=lambda code: votes[code], default="")


def surely_another_language(text: str, lang: str) -> bool:
    """Whether a text, even one as short as a query, is beyond reasonable doubt not in this language.

    The detector must give another language nine tenths of the probability, or English nine tenths of what
    it gives English and this one: where an LLM slips, it slips into English. A language that the detector
    does not know is never doubted.

    >>> surely_another_language("how do wings produce lift", "de"), surely_another_language("Flügel", "de")
    (True, False)
    >>> surely_another_language("wie erzeugen Flügel den Auftrieb", "en")
    True
    """
    found = _probabilities(text)
    if lang not in found:
        return False
    own, english = found.pop(lang), found.get("en", 0.0)
    return max(found.values()) >= _SURE or english >= _SURE * (english + own) > 0


def _probabilities(text: str) -> dict[str, float]:
    """Of each known language; empty for a text without letters."""
    return dict(_normalised().rank(text[:_READ])) if _has_letters(text) else {}


def _has_letters(text: str) -> bool:
    return any(letter.isalpha() for letter in text[:_READ])


@lru_cache
def _normalised() -> Any:
    return _load(norm_probs=True)


def _load(norm_probs: bool) -> Any:
    from py3langid import langid  # takes a second

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=norm_probs)
