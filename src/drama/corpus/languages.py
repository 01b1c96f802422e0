"""The language of a document that names none (py3langid: naive Bayes over bytes, 140 languages)."""

from collections.abc import Sequence

from py3langid import langid

from drama.errors import DramaError

_LETTERS = 1000
"""Letters of a text that are looked at."""


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
