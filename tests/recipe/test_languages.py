"""What is said about a corpus in languages that the models don't know."""

import sys
from pathlib import Path

import pytest

from drama.models.languages import declared_languages, tokens_a_word
from drama.recipe.languages import warn_of_languages
from drama.recipe.recipe import Recipe
from drama.records import Document, write_passages

GERMAN = "Der Flügel des Flugzeugs erzeugt Auftrieb, wenn die Luft über ihn strömt."
RUSSIAN = "Крыло самолёта создаёт подъёмную силу, когда воздух обтекает его сверху."


def corpus(path: Path, counts: dict[str, int], texts: list[str]) -> Path:
    text = {"en": texts[0], "de": GERMAN, "ru": RUSSIAN}
    rows = [Document(f"{lang}{i}", "", text[lang], lang) for lang, n in counts.items() for i in range(n)]
    write_passages(path, rows)
    return path


def recipe(parent: Path | str) -> Recipe:
    return Recipe.parse(
        {"run": "x", "prune": {"parent": str(parent), "method": "first"}, "train": {"steps": 0}}, where=""
    )


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"en": 900, "ru": 100}, "10% of the corpus badly: ru"),
        ({"en": 1000, "ru": 30}, ""),  # 3%
        ({"en": 100, "ru": 19}, ""),  # few
        ({"en": 100}, ""),
    ],
)
def test_a_language_that_is_cut_into_bytes_is_named(
    tiny_llm: Path, texts: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str],
    counts: dict[str, int], said: str,
) -> None:  # fmt: skip
    passages = corpus(tmp_path / "passages.parquet", counts, texts)
    warn_of_languages(recipe(tiny_llm), passages, counts)
    warned = " ".join(capfd.readouterr().err.split())
    assert (said in warned) if said else "warning" not in warned
    if said:
        assert "tokens, loss" in warned  # an LLM: both are measured
        assert "gemma3-270m" in warned


def test_without_english_text_nothing_is_compared(
    tiny_llm: Path, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)  # as where a distribution leaves it out
    counts = {"ru": 40}
    warn_of_languages(recipe(tiny_llm), corpus(tmp_path / "p.parquet", counts, texts), counts)


def test_a_model_card_says_what_it_is_for(tmp_path: Path) -> None:
    def card(text: str) -> frozenset[str] | None:
        (tmp_path / "README.md").write_text(text)
        return declared_languages("mine", tmp_path)

    assert card("---\nlanguage:\n- en\n- de-DE\n---\n# A model\n") == {"en", "de"}
    assert card("---\nlanguage: fr\n---\n") == {"fr"}
    assert card("---\nlanguage: multilingual\n---\n") is None
    assert card("---\nlanguage: [\n---\n") is None
    assert card("# A model\n") is None
    assert declared_languages("gemma3-270m", tmp_path) is None
    assert "fi" in (declared_languages("multilingual-e5-small", tmp_path) or ())


def test_a_model_for_english_is_named_with_one_that_would_fit(
    tiny_llm: Path, texts: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tiny_llm / "README.md").write_text("---\nlanguage: en\n---\n")
    try:
        for counts in ({"en": 60, "de": 40}, {"de": 40}):  # Python's reference is the English, if need be
            warn_of_languages(recipe(tiny_llm), corpus(tmp_path / "p.parquet", counts, texts), counts)
    finally:
        (tiny_llm / "README.md").unlink()
    said = " ".join(capfd.readouterr().err.split())
    assert "40% of the corpus badly: de" in said
    assert "100% of the corpus badly: de" in said


def test_words_of_letters_are_counted(tiny_llm: Path, texts: list[str]) -> None:
    file = tiny_llm / "tokenizer.json"
    assert tokens_a_word(file, ["12 % -- !"]) == 0.0
    assert tokens_a_word(file, texts) < tokens_a_word(file, [RUSSIAN])
