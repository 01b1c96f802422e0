"""One detector for documents, corpora and queries, in the paper's twenty languages and others."""

import subprocess
import sys

import pytest

from drama.language import LANGUAGE_NAMES, most_likely_language, surely_another_language

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
