"""Sentences by rules (sentencex), without a model."""

import re

from sentencex import segment

_SPACE = re.compile(r"\s+")
_SPACED_STOP = re.compile(r"(?<=\s[.!?])\s+")


def split_sentences(text: str, lang: str = "") -> list[str]:
    """The sentences of a text, white space folded; an unknown language is split as English is.

    A stop that stands alone between spaces (as in tokenised abstracts) ends a sentence too.

    >>> split_sentences("Dr. Smith came. He left!", "en")
    ['Dr. Smith came.', 'He left!']
    >>> split_sentences("this was studied . results follow .")
    ['this was studied .', 'results follow .']
    """
    folded = _SPACE.sub(" ", text).strip()
    found: list[str] = []
    for part in _SPACED_STOP.split(folded):
        found += [s.strip() for s in segment(lang or "en", part)]
    return [s for s in found if s]
