"""From text to BM25 terms, in any language.

Words are lower-cased runs of letters, marks and digits of any script, by their Unicode classes. Scripts
written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and Hangul, whose words include their
particles, give overlapping character bigrams, as in Lucene's CJKAnalyzer. Where Snowball has the language,
words are stemmed. In English, Lucene's stop words are dropped and words of one character are kept
("vitamin C"), as in Anserini; a single letter after an apostrophe ("Alzheimer's", "don't") is no word.
"""

import unicodedata
from collections.abc import Collection
from functools import lru_cache
from typing import Any

import regex
import Stemmer

from drama.language.words import KANA_HAN, THAI_LAO_BURMESE_KHMER, WORD_CHARACTER

_STOP_WORDS = {
    # Lucene's EnglishAnalyzer (its default stop set), as Anserini uses it.
    "en": frozenset(
        """a an and are as at be but by for if in into is it no not of on or such that the their then there
        these they this to was will with""".split()  # noqa: SIM905
    ),
}
"""By language."""
_SNOWBALL = {
    "ar": "arabic", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "hi": "hindi", "id": "indonesian", "it": "italian", "pt": "portuguese", "ru": "russian",
    "da": "danish", "nl": "dutch", "no": "norwegian", "sv": "swedish", "hu": "hungarian", "ro": "romanian",
    "tr": "turkish", "el": "greek", "ta": "tamil", "ne": "nepali", "lt": "lithuanian", "ca": "catalan",
    "eu": "basque", "ga": "irish", "hy": "armenian", "sr": "serbian", "yi": "yiddish",
}  # fmt: skip
_BIGRAMS = THAI_LAO_BURMESE_KHMER + KANA_HAN + "\uac00-\ud7af"  # the last: Hangul
_WORD = regex.compile(
    rf"[[{WORD_CHARACTER}]&&[{_BIGRAMS}]]+|[[{WORD_CHARACTER}]--[{_BIGRAMS}]]+", regex.VERSION1
)
_FIRST_IN_BIGRAMS = "\u0e00"
"""Of the characters that are written without spaces; Thai's block begins here."""
_IN_BIGRAMS = regex.compile(f"[{_BIGRAMS}]")
_AFTER_APOSTROPHE = regex.compile(r"(?<=\p{L}['’])\p{L}\b")


def analyse(text: str, lang: str) -> list[str]:
    """The terms of a text in a language (ISO 639-1); an unknown one means no stemming and no stop words.

    >>> analyse("The wings of an aircraft", "en")
    ['wing', 'aircraft']
    >>> analyse("東京都 2024", "ja")
    ['東京', '京都', '2024']
    >>> analyse("C++ and R", "en"), analyse("the patient's vitamin C", "en")
    (['c', 'r'], ['patient', 'vitamin', 'c'])
    """
    text = unicodedata.normalize("NFKC", text).lower()
    if lang == "en":
        text = _AFTER_APOSTROPHE.sub("", text)
    terms: list[str] = []
    for word in _WORD.findall(text):
        if not _IN_BIGRAMS.match(word) or len(word) == 1:
            terms.append(word)
        else:
            terms += [word[i : i + 2] for i in range(len(word) - 1)]
    if stop := _STOP_WORDS.get(lang):
        terms = [t for t in terms if t not in stop]
    stemmer = _stemmer(lang)
    return terms if stemmer is None else list(stemmer.stemWords(terms))


def places(text: str, terms: Collection[str], lang: str) -> list[tuple[int, int]]:
    """Where words of a text have one of these terms, as (start, end), in order and without overlaps.

    >>> places("The wing, and wings.", analyse("Wings", "en"), "en")
    [(4, 8), (14, 19)]
    >>> places("私は東京都へ", analyse("東京都", "ja"), "ja")
    [(2, 5)]
    """
    wanted, found = {*terms}, list[tuple[int, int]]()
    for word in _WORD.finditer(text):
        start, end = word.span()
        if text[start] < _FIRST_IN_BIGRAMS or not _IN_BIGRAMS.match(word[0]) or end - start == 1:
            pieces = [(start, end)]
        else:
            pieces = [(i, i + 2) for i in range(start, end - 1)]
        for left, right in pieces:
            if wanted.isdisjoint(terms_of(text[left:right], lang)):
                continue
            if found and left < found[-1][1]:
                found[-1] = found[-1][0], right
            else:
                found.append((left, right))
    return found


@lru_cache(maxsize=1 << 16)
def terms_of(word: str, lang: str) -> tuple[str, ...]:
    """The terms of one word; a server meets the same words again and again."""
    return tuple(analyse(word, lang))


@lru_cache
def _stemmer(lang: str) -> Any:
    name = _SNOWBALL.get(lang)
    return Stemmer.Stemmer(name) if name in Stemmer.algorithms() else None
