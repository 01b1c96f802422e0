"""One detector for documents, corpora and queries, in the paper's twenty languages and others. In a corpus,
what is one language becomes one, and what is mixed stays mixed."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable

import pytest

from drama.errors import DramaError
from drama.language import LANGUAGE_NAMES, LanguageGuesser, most_likely_language, surely_another_language
from drama.language.guess import _BLOCK

TEXTS = {
    "ar": "جناح الطائرة يولد قوة الرفع عندما يتدفق الهواء فوقه.",
    "bn": "বিমানের ডানার উপর দিয়ে বাতাস প্রবাহিত হলে উত্তোলন বল তৈরি হয়।",
    "de": "Der Flügel gibt dem Flugzeug Auftrieb, wenn Luft um ihn strömt.",
    "en": "The wing of the aircraft produces lift when air flows over it.",
    "es": "El ala del avión produce sustentación cuando el aire fluye sobre ella.",
    "fa": "بال هواپیما هنگامی که هوا از روی آن می‌گذرد نیروی بالابر تولید می‌کند.",
    "fi": "Lentokoneen siipi tuottaa nostovoimaa, kun ilma virtaa sen yli.",
    "fr": "L'aile de l'avion produit une portance lorsque l'air s'écoule autour d'elle.",
    "hi": "जब हवा विमान के पंख के ऊपर से बहती है तो वह उत्थापक बल उत्पन्न करता है।",
    "id": "Sayap pesawat menghasilkan gaya angkat ketika udara mengalir di atasnya.",
    "it": "L'ala dell'aereo produce portanza quando l'aria scorre sopra di essa.",
    "ja": "飛行機の翼は、空気がその上を流れるときに揚力を生み出します。",
    "ko": "비행기의 날개는 공기가 그 위로 흐를 때 양력을 만들어 낸다.",
    "pl": "Skrzydło samolotu wytwarza siłę nośną, gdy opływa je powietrze.",
    "pt": "A asa do avião produz sustentação quando o ar flui sobre ela.",
    "ru": "Крыло самолёта создаёт подъёмную силу, когда его обтекает воздух.",
    "sw": "Bawa la ndege huzalisha nguvu ya kuinua wakati hewa inapopita juu yake.",
    "te": "గాలి విమానం రెక్క మీదుగా ప్రవహించినప్పుడు అది పైకి లేపే బలాన్ని ఉత్పత్తి చేస్తుంది.",
    "th": "ปีกของเครื่องบินสร้างแรงยกเมื่ออากาศไหลผ่าน",
    "vi": "Cánh máy bay tạo ra lực nâng khi không khí chảy qua nó.",
    "yo": "Ìyẹ́ ọkọ̀ òfurufú máa ń mú agbára ìgbésókè jáde nígbà tí afẹ́fẹ́ bá ń ṣàn kọjá lórí rẹ̀.",
    "zh": "当空气流过机翼时，飞机的机翼会产生升力。",
}


@pytest.mark.parametrize("lang", sorted(TEXTS))
def test_languages(lang: str) -> None:
    assert most_likely_language([TEXTS[lang], "12 + 34"]) == lang
    assert not surely_another_language(TEXTS[lang], lang)
    assert lang == "en" or surely_another_language(TEXTS["en"], lang)


def test_all_languages_of_the_paper_are_in_the_table() -> None:
    assert set(LANGUAGE_NAMES) <= set(TEXTS)


def test_texts_without_letters_have_no_language() -> None:
    assert (most_likely_language(["", "12 + 34"]), most_likely_language([])) == ("", "")
    assert not surely_another_language("12 + 34", "en")


def test_importing_the_room_loads_no_detector_and_no_torch() -> None:
    code = "import sys, drama.language; print({'py3langid', 'torch', 'numpy'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


TITLES = [
    "Algebraic Systems",
    "Quantitative Methods",
    "The Hidden Dimension",
    "freeman method .",
    "a facet analysis system .",
    "on turbulent lubrication .",
    "general airfoil theory .",
    "ionization nonequilibrium in expanding flows .",
    "Quantitative Fuzzy Semantics",
    "a compressor routine test code .",
]
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
        for n in range(1, 5 * _BLOCK):
            taken = n
            yield "The wing lifts.", ""

    found = LanguageGuesser([]).named(texts())
    assert next(iter(found)) == ("The wing lifts.", "en")
    assert taken == _BLOCK
