"""Counting and cutting by words, in scripts with spaces and without.

A run of letters between spaces is a word. In scripts without spaces, two Chinese or Japanese characters, or
four of Thai, Lao, Khmer or Burmese, count as one.
"""

import regex

KANA_HAN = (
    "\u3005-\u3007\u3031-\u3035\u303b\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
THAI_LAO_BURMESE_KHMER = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Scripts without spaces between words, as ranges for a regular expression."""

WORD_CHARACTER = r"\p{L}\p{M}\p{N}_"
"""Letters, marks, numbers and the low line, of any script, for a character class of `regex`."""
_LETTERS = regex.compile(rf"[{WORD_CHARACTER}]+")
_WORD = regex.compile(
    rf"[{KANA_HAN}]{{1,2}}|[{THAI_LAO_BURMESE_KHMER}]{{1,4}}|[^\s{THAI_LAO_BURMESE_KHMER}{KANA_HAN}]+"
)


def count_words(text: str) -> int:
    """The number of words in a text.

    >>> count_words("how do wings lift"), count_words("今日は晴れです")
    (4, 4)
    """
    return len(_WORD.findall(text))


def cut_words(text: str, most: int) -> str:
    """The first `most` words, white space folded.

    >>> cut_words("one two  three", 2), cut_words("今日は晴れです", 2)
    ('one two', '今日は晴')
    """
    return next(iter(split_words(text, most)), "")


def split_words(text: str, most: int) -> list[str]:
    """Pieces of `most` words, the last one shorter, white space folded.

    >>> split_words("one two  three", 2), split_words("今日は晴れです", 3)
    (['one two', 'three'], ['今日は晴れで', 'す'])
    """
    folded = " ".join(text.split())
    words = list(_WORD.finditer(folded))
    groups = (words[i : i + most] for i in range(0, len(words), most))
    return [folded[group[0].start() : group[-1].end()] for group in groups]


def plain_text(text: str) -> str:
    """Lower-case words with one space between them, without punctuation: for finding quotations.

    >>> plain_text("Cats purr,  when content."), plain_text("שָׁלוֹם, עוֹלָם!")
    ('cats purr when content', 'שָׁלוֹם עוֹלָם')
    """
    return " ".join(_LETTERS.findall(text.lower()))
