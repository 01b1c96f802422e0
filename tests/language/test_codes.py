"""One language, one code."""

import pytest

from drama.augment.queries.triplets import TripletSettings
from drama.corpus import CorpusSettings
from drama.errors import DramaError
from drama.language import LANGUAGE_NAMES, normalise_language
from drama.language.codes import _SHORT
from drama.prune.learn.settings import DomainSettings

SPELLINGS = {
    "de": "de DE De deu DEU ger de-DE de_AT de-Latn-DE-1996 de_DE.UTF-8 de_DE@euro de-x-own de-u-co-phonebk",
    "zh": "zh zho chi cmn zh-Hans zho_Hant zh-CN zh-cmn-Hans-CN cmn_Hans",
    "ar": "ar ara arb arb_Arab ar-001",
    "fa": "fa fas per pes pes_Arab",
    "sw": "sw swa swh swh_Latn",
    "pt": "pt por pt-BR pt_PT",
    "he": "he heb iw iw-IL",
    "haw": "haw HAW haw-US",
    "": ("und UND mul zxx und-Latn"),
}


@pytest.mark.parametrize("lang", SPELLINGS)
def test_every_spelling_is_one_language(lang: str) -> None:
    assert {normalise_language(code) for code in SPELLINGS[lang].split()} == {lang}


def test_unknown_codes_stay_as_they_are_in_lower_case() -> None:
    kept = ("klingon", "unknown", "de/en", "d", "x-own", "my own", "deutsch-land")
    assert [normalise_language(f" {code.upper()}\t") for code in kept] == list(kept)


def test_the_papers_languages_have_short_codes() -> None:
    assert [normalise_language(code) for code in LANGUAGE_NAMES] == list(LANGUAGE_NAMES)
    assert set(LANGUAGE_NAMES) < set(_SHORT.values())


def test_no_code_is_two_languages() -> None:
    assert not set(_SHORT) & set(_SHORT.values())


def test_settings_take_a_language_by_any_of_its_codes() -> None:
    assert CorpusSettings.parse({"languages": ["DEU", "en-GB"]}, "corpus").languages == ["de", "en"]
    assert TripletSettings.parse({"languages": ["DEU", "en-GB"]}, "triplets").languages == ["de", "en"]
    left_out = {by: DomainSettings(by=by, leave_out=["DE-DE"]).leave_out for by in ("lang", "source")}
    assert left_out == {"lang": ["de"], "source": ["DE-DE"]}
    with pytest.raises(DramaError, match="once"):
        CorpusSettings.parse({"languages": ["deu", "de"]}, "corpus")


@pytest.mark.parametrize("name", ["english", "German", "e", ""])
def test_a_languages_name_is_no_code_in_settings(name: str) -> None:
    with pytest.raises(DramaError, match=f"languages.*'{name}' is no language code; codes are like en"):
        CorpusSettings.parse({"languages": [name]}, "corpus")
