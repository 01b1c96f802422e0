"""Terms of BM25 by language."""

import pytest

from drama.language import analyse, terms


def test_stop_words_of_a_language_are_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "het" in analyse("het vliegtuig", "nl")
    monkeypatch.setitem(terms._STOP_WORDS, "nl", frozenset({"het"}))
    assert analyse("het vliegtuig", "nl") == ["vliegtuig"]
    assert analyse("the wing", "en") == ["wing"]
