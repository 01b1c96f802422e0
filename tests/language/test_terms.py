"""Terms of BM25 by language."""

import pytest

from drama.language import analyse, count_words, terms


def test_stop_words_of_a_language_are_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "het" in analyse("het vliegtuig", "nl")
    monkeypatch.setitem(terms._STOP_WORDS, "nl", frozenset({"het"}))
    assert analyse("het vliegtuig", "nl") == ["vliegtuig"]
    assert analyse("the wing", "en") == ["wing"]


@pytest.mark.parametrize(
    ("lang", "text", "found"),
    [
        ("he", "שָׁלוֹם, עוֹלָם!", ["שָׁלוֹם", "עוֹלָם"]),
        ("dv", "މާލެއަކީ ރާއްޖޭގެ", ["މާލެއަކީ", "ރާއްޖޭގެ"]),
        ("bo", "བོད་ཡིག", ["བོད", "ཡིག"]),
        ("xx", "الرحمٰن", ["الرحمٰن"]),
        ("xx", "हिन्दी में।", ["हिन्दी", "में"]),
        ("am", "ሰላም፡ልዑል።", ["ሰላም", "ልዑል"]),
        ("ja", "人々、ニュー・ヨーク", ["人々", "ニュ", "ュー", "ヨー", "ーク"]),
        ("ja", "𠮷野家 々", ["𠮷野", "野家", "々"]),
        ("ja", "ﾆｭｰｽ１２", ["ニュ", "ュー", "ース", "12"]),
        ("ko", "한국어 글", ["한국", "국어", "글"]),
        ("en", "vitamin C", ["vitamin", "c"]),
        ("en", "type 2 diabetes", ["type", "2", "diabet"]),
        ("en", "C++ and R", ["c", "r"]),
        ("en", "Alzheimer’s and I don't", ["alzheim", "i", "don"]),
        ("en", "O'Brien's p53_x", ["o", "brien", "p53_x"]),
        ("fr", "l'avion d'Élodie", ["l", "avion", "d", "élod"]),
        ("en", "!!! … ++", []),
    ],
)
def test_terms(lang: str, text: str, found: list[str]) -> None:
    assert analyse(text, lang) == found


def test_the_iteration_mark_is_a_character_of_its_script() -> None:
    assert count_words("人々") == count_words("人人") == 1
