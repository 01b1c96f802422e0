"""The part of a passage that a hit shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.language.terms import analyse
from drama.records import Document
from drama.search.snippet import flowing, snippet


@given(st.text(max_size=300), st.text(max_size=30), st.integers(20, 120))
def test_marks_are_words_of_the_query_and_the_text_is_short(text: str, query: str, width: int) -> None:
    found = snippet(Document("d", "", text, "en"), query, width)
    assert len(found.text) <= width + 4  # and dots
    terms = {*analyse(query, "en")}
    for start, end in found.marks:
        assert 0 <= start < end <= len(found.text)
        assert terms & {*analyse(found.text[start:end], "en")}
    assert "".join(piece for piece, _ in found.parts()) == found.text
    assert found.text.strip("… ") in flowing(text)


@pytest.mark.parametrize(
    ("lang", "query", "marked"),
    [
        ("en", "lifting a wing", ["wing", "lifts"]),
        ("de", "Flügels", ["Flügel"]),
        ("ja", "東京都", ["東京都"]),
    ],
)
def test_inflected_words_are_marked(lang: str, query: str, marked: list[str]) -> None:
    text = {"en": "The wing lifts a plane.", "de": "Ein Flügel trägt.", "ja": "私は東京都に住む"}[lang]
    parts = snippet(Document("d", "", text, lang), query).parts()
    assert [piece for piece, is_marked in parts if is_marked] == marked


def test_the_part_with_the_most_of_the_query_is_shown() -> None:
    text = "A wing. " + "Nothing is said here. " * 40 + "It happens that wings produce lift. " + "More. " * 40
    found = snippet(Document("d", "", text, "en"), "how does a wing produce lift", 100)
    assert found.text.startswith("… It happens that wings produce lift.")
    assert found.text.endswith(" …")
    assert snippet(Document("d", "", text, "en"), "bees", 20).text == "A wing. Nothing is …"
