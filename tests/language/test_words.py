"""Words are counted and cut alike in every script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.language import count_words, cut_words, split_sentences

MIXED = st.text(st.sampled_from("ab \n今日はคนກ.。"), max_size=60)


@given(MIXED, st.integers(1, 30))
def test_a_cut_is_a_beginning_of_at_most_so_many_words(text: str, most: int) -> None:
    cut = cut_words(text, most)
    assert " ".join(text.split()).startswith(cut)
    assert count_words(cut) == min(most, count_words(text))


@given(st.lists(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F), min_size=1)))
def test_spaced_words_are_counted_as_split_counts_them(words: list[str]) -> None:
    assert count_words(" ".join(words)) == len(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [("雨季の一種である。", 5), ("การเดินทาง", 3), ("한국어 문장", 2), ("", 0), (" \n", 0)],
)
def test_words_by_script(text: str, words: int) -> None:
    assert count_words(text) == words


@given(st.text(st.sampled_from("abcDE .!?。今日 \n"), max_size=80), st.sampled_from(["en", "ja", "", "xx"]))
def test_sentences_lose_no_character(text: str, lang: str) -> None:
    assert "".join("".join(split_sentences(text, lang)).split()) == "".join(text.split())
