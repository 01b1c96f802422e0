"""The languages of a corpus: what is one language becomes one, and what is mixed stays mixed."""

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from drama.errors import DramaError
from drama.language import LanguageGuesser
from drama.language.guess import _BLOCK
from tests.language.test_detect import TEXTS

TITLES = [
    "Algebraic Systems", "Quantitative Methods", "The Hidden Dimension", "freeman method .", "a facet analysis system .",
    "on turbulent lubrication .", "general airfoil theory .", "ionization nonequilibrium in expanding flows .",
    "Quantitative Fuzzy Semantics", "a compressor routine test code .",
]  # fmt: skip
"""English ones that a detector takes for Latin, French, Luxembourgish, Dutch, …"""


def guesses(texts: Iterable[str], languages: tuple[str, ...] = ()) -> tuple[list[str], LanguageGuesser]:
    guesser = LanguageGuesser(languages)
    found = [lang for _, lang in guesser.named((text, "") for text in texts)]
    rare = guesser.rare()
    return [rare.get(lang, lang) for lang in found], guesser


@pytest.mark.parametrize("lang", sorted(TEXTS))
def test_each_language_alone(lang: str) -> None:
    assert guesses([TEXTS[lang]])[0] == [lang]
    assert guesses([TEXTS[lang]], ("en", "vi", lang) if lang not in ("en", "vi") else ("en", "vi"))[0] == [
        lang
    ]


def test_english_titles_are_one_language() -> None:
    alone = {guesses([title])[0][0] for title in TITLES}
    assert len(alone) > 3  # the detector alone
    found, guesser = guesses([*TITLES, *(f"{TEXTS['en']} {n}" for n in range(100))])
    assert set(found) == {"en"}
    assert not guesser.rare()


@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_a_mixed_corpus_keeps_its_languages(order: str) -> None:
    texts = [(f"{text} {n}", lang) for lang, text in TEXTS.items() for n in range(60)]
    if order == "shuffled":
        random.Random(0).shuffle(texts)
    assert len(texts) > _BLOCK
    assert guesses(text for text, _ in texts)[0] == [lang for _, lang in texts]


def test_small_shares_stay() -> None:
    texts = [(f"{TEXTS['en']} {n}", "en") for n in range(1000)]
    texts += [(f"{text} {n}", lang) for lang, text in TEXTS.items() for n in range(4)]
    random.Random(1).shuffle(texts)
    assert guesses(text for text, _ in texts)[0] == [lang for _, lang in texts]


def test_what_is_rare_is_taken_for_the_main_language_of_its_script() -> None:
    english, russian = [f"{TEXTS['en']} {n}" for n in range(500)], [f"{TEXTS['ru']} {n}" for n in range(50)]
    found, guesser = guesses(
        [*english, TEXTS["fi"], *russian, "Це речення написане українською мовою.", TEXTS["th"]]
    )
    assert guesser.rare() == {"fi": "en", "uk": "ru"}
    assert Counter(found) == {"en": 501, "ru": 51, "th": 1}
    named = LanguageGuesser([])
    list(named.named([*((text, "") for text in [*english, TEXTS["fi"]]), ("Lentokone", "fi")]))
    assert not named.rare()
    assert guesses([*english, TEXTS["fi"]], ("en", "fi", "ru"))[0][-1] == "fi"


def test_own_languages_stay_and_count() -> None:
    guesser = LanguageGuesser([])
    texts = [(TEXTS["de"], "en"), ("Gehen", "xx"), *[("Flügel", "de")] * 50, ("Algebra", ""), ("12", "")]
    assert [lang for _, lang in guesser.named(texts)] == [*(lang for _, lang in texts[:-2]), "de", ""]


def test_one_language_is_not_detected() -> None:
    assert guesses([TEXTS["de"], "12"], ("tlh",))[0] == ["tlh", "tlh"]
    with pytest.raises(DramaError, match="'tlh' can't be detected"):
        LanguageGuesser(["en", "tlh"])


def test_texts_are_passed_on_block_by_block() -> None:
    taken = 0

    def texts() -> Iterable[tuple[str, str]]:
        nonlocal taken
        for taken in range(1, 5 * _BLOCK):
            yield "The wing lifts.", ""

    found = LanguageGuesser([]).named(texts())
    assert next(iter(found)) == ("The wing lifts.", "en")
    assert taken == _BLOCK
