"""From text to BM25 terms, in any language.

Words are lower-cased runs of letters, marks and digits. Scripts written without spaces (Chinese, Japanese,
Thai, Lao, Khmer, Burmese), and Hangul, whose words include their particles, give overlapping character
bigrams, as in Lucene's CJKAnalyzer. Where Snowball has the language, words are stemmed. In English, Lucene's
stop words and words of one character are dropped, as in bm25s's own tokenizer.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Any

import Stemmer

from drama.language.words import KANA_HAN, THAI_LAO_BURMESE_KHMER

_STOP_WORDS = {
    # Lucene's EnglishAnalyzer (its default stop set), as Anserini uses it.
    "en": frozenset(
        """a an and are as at be but by for if in into is it no not of on or such that the their then there
        these they this to was will with""".split()  # noqa: SIM905
    ),
}
"""By language. Where a language has stop words, words of one character are dropped too."""
_SNOWBALL = {
    "ar": "arabic", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "hi": "hindi", "id": "indonesian", "it": "italian", "pt": "portuguese", "ru": "russian",
    "da": "danish", "nl": "dutch", "no": "norwegian", "sv": "swedish", "hu": "hungarian", "ro": "romanian",
    "tr": "turkish", "el": "greek", "ta": "tamil", "ne": "nepali", "lt": "lithuanian", "ca": "catalan",
    "eu": "basque", "ga": "irish", "hy": "armenian", "sr": "serbian", "yi": "yiddish",
}  # fmt: skip
_BIGRAMS = THAI_LAO_BURMESE_KHMER + KANA_HAN + "\uac00-\ud7af"  # the last: Hangul
_WORD = re.compile(rf"[{_BIGRAMS}]+|(?:(?![{_BIGRAMS}])[\w\u0300-\u036f\u0900-\u0dff\u064b-\u065f])+")
_IN_BIGRAMS = re.compile(f"[{_BIGRAMS}]")


def analyse(text: str, lang: str) -> list[str]:
    """The terms of a text in a language (ISO 639-1); an unknown one means no stemming and no stop words.

    >>> analyse("The wings of an aircraft", "en")
    ['wing', 'aircraft']
    >>> analyse("東京都 2024", "ja")
    ['東京', '京都', '2024']
    """
    terms: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if not _IN_BIGRAMS.match(word) or len(word) == 1:
            terms.append(word)
        else:
            terms += [word[i : i + 2] for i in range(len(word) - 1)]
    if stop := _STOP_WORDS.get(lang):
        terms = [t for t in terms if len(t) > 1 and t not in stop]
    stemmer = _stemmer(lang)
    return terms if stemmer is None else list(stemmer.stemWords(terms))


@lru_cache
def _stemmer(lang: str) -> Any:
    name = _SNOWBALL.get(lang)
    return Stemmer.Stemmer(name) if name in Stemmer.algorithms() else None
