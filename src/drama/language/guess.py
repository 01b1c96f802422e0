"""The languages of a corpus: guesses of a detector, and what is known of a corpus: it has few languages."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any, TypeVar

from drama.errors import DramaError, check_list
from drama.language.detect import detector, main_script, probabilities

T = TypeVar("T")
_BLOCK, _CHARACTERS = 1000, 4_000_000
"""Texts that are looked at together, at most, and their characters."""
_ROUNDS = 10
"""Of expectation and maximisation over the texts of a block."""
_HISTORY = 200
"""Texts that all earlier blocks count for, at most: a corpus may be sorted by language."""
_FLOOR = 1e-4
"""The least prior of a language. A text can be in one of which nothing has been seen, if it is clear."""
_NEGLIGIBLE = 1e-6
"""Languages that are less likely than the likeliest by this factor are left out."""
_UNSURE = 0.5
"""A probability below which a text is in no language, unless it is one that the block has."""
_PRESENT = 0.01
"""The share from which a block has a language."""
_FEW, _FEW_OF, _SHARE = 3, 100, 0.0005
"""A language is rare with fewer texts than `_FEW` of at least `_FEW_OF`, or with less than this share."""


class LanguageGuesser:
    """Guesses the languages of texts by the detector and by how often each language occurs around them.

    The prior of a language is its share among up to 1,000 texts that follow each other and, less, in what
    came before, so that a short title among English ones is English unless it is clearly something else.
    Memory does not grow with the number of texts, and the same texts give the same guesses.

    >>> texts = ["The wing lifts the plane.", "It flies over it.", "freeman method .", "Der Flügel", "12"]
    >>> [lang for _, lang in LanguageGuesser([]).named([(text, "") for text in texts])]
    ['en', 'en', 'en', 'de', '']

    Args:
        languages: the codes to choose from; by default all known ones. A single code is the language of every
            text, and need not be known to the detector.

    Raises:
        DramaError: one of several codes is unknown.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        check_list(languages, "languages")
        self._only = languages[0] if len(languages) == 1 else None
        self._chosen = bool(languages)
        self._detector: Any = None
        self._prior: dict[str, float] = {}
        self._named: set[str] = set()
        self._guessed: Counter[str] = Counter()
        self._scripts: dict[str, Counter[str]] = {}
        if self._only is None:
            self._detector = copy(detector())
            unknown = [code for code in languages if code not in self._detector.labels]
            if unknown:
                known = ", ".join(sorted(self._detector.labels))
                raise DramaError(
                    f"corpus.languages: '{unknown[0]}' can't be detected", hint=f"known: {known}"
                )
            self._detector.set_languages(list(languages) or None)

    def named(
        self, texts: Iterable[tuple[T, str]], text: Callable[[T], str] = str
    ) -> Iterator[tuple[T, str]]:
        """Each item with its own language, or with a guess where that is empty. The guess is empty for a text
        without letters, and where no language is likely.

        Args:
            texts: items and their own languages.
            text: the text of an item.
        """
        if self._only is not None:
            yield from ((item, lang or self._only) for item, lang in texts)
            return
        block: list[tuple[T, str]] = []
        characters = 0
        for item, lang in texts:
            block.append((item, lang))
            characters += len(text(item))
            if len(block) == _BLOCK or characters > _CHARACTERS:
                yield from self._guess(block, text)
                block, characters = [], 0
        yield from self._guess(block, text)

    def rare(self) -> dict[str, str]:
        """Guessed languages that are too rare to be believed, each with the most frequent one of its script,
        which takes its place. A language that has a script to itself, that a text names, or that was to
        choose from is always believed.
        """
        total = self._guessed.total()
        least = max(_FEW if total >= _FEW_OF else 0, _SHARE * total)
        believed: dict[str, str] = {}  # of each script the most frequent
        rare: dict[str, str] = {}
        for lang, n in self._guessed.most_common():
            script = self._scripts[lang].most_common(1)[0][0]
            main = believed.setdefault(script, lang)
            if main != lang and n < least and not self._chosen and lang not in self._named:
                rare[lang] = main
        return rare

    def count(self, lang: str) -> int:
        """How many texts were guessed to be in a language."""
        return self._guessed[lang]

    def _guess(self, block: list[tuple[T, str]], text: Callable[[T], str]) -> Iterator[tuple[T, str]]:
        found = [{lang: 1.0} if lang else self._likely(text(item)) for item, lang in block]
        prior = self._learn([each for each in found if each])
        for (item, lang), each in zip(block, found, strict=True):
            guess = lang or _most_likely(each, prior)
            if lang:
                self._named.add(lang)
            elif guess:
                self._guessed[guess] += 1
                if self._guessed[guess] <= _FEW:
                    self._scripts.setdefault(guess, Counter())[main_script(text(item))] += 1
            yield item, guess

    def _likely(self, text: str) -> dict[str, float]:
        found = probabilities(self._detector, text)
        least = _NEGLIGIBLE * max(found.values(), default=0.0)
        return {lang: p for lang, p in found.items() if p >= least}

    def _learn(self, found: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
        """The most likely share of each language in a block, with what came before as further texts."""
        if not found:
            return self._prior
        before, seen = self._prior, _HISTORY if self._prior else 0
        prior: dict[str, float] = {}
        for _ in range(_ROUNDS):
            sums = {lang: share * seen for lang, share in before.items()}
            for each in found:
                weights = {lang: p * (prior.get(lang, _FLOOR) if prior else 1.0) for lang, p in each.items()}
                whole = sum(weights.values())
                for lang, weight in weights.items():
                    sums[lang] = sums.get(lang, 0.0) + weight / whole
            prior = {lang: max(_FLOOR, n / (len(found) + seen)) for lang, n in sums.items()}
        self._prior = prior
        return prior


def _most_likely(found: Mapping[str, float], prior: Mapping[str, float]) -> str:
    weights = {lang: p * prior.get(lang, _FLOOR) for lang, p in found.items()}
    best = max(weights, key=lambda lang: weights[lang], default="")
    sure = best and (weights[best] >= _UNSURE * sum(weights.values()) or prior[best] >= _PRESENT)
    return best if sure else ""
