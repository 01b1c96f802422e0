"""Stops without a space after them, in the twenty languages. Each list is how a reader would split its text,
which is the list without spaces between its parts."""

import re

import pytest

from drama.language import LANGUAGE_NAMES, split_sentences

UNSPACED = {
    "ar": ["رأينا المرض في المدينة.", "ظهرت تقنيات جديدة في 3.5 سنوات.", "هل تساعد؟", "نعم تساعد."],
    "bn": ["রোগটি শহরে দেখা গেছে।", "নতুন প্রযুক্তি ৩.৫ বছরে এসেছে।", "ডা.রহমান এলেন।", "তিনি গেলেন."],
    "de": [
        "Die Krankheit wurde gefunden.",
        "Neue Verfahren helfen Dr.Müller z.B. im 3.Oktober.",
        "Hilft das?",
        "Ja.",
    ],
    "en": [
        "It is seen in disease.",
        "Recent technologies cost $3.50 per item.",
        "The J.R.R.Tolkien estate agreed.",
        "We (the U.S.Senate) saw p53.",
        "In 2019.",
        "They found it [12].",
        "Does it help?",
        "Yes!",
        "It does…",
        "Then it ended.",
        "CRP rose.",
        "Results(n=5) differ.",
        "He can't.",
        "We saw “that.”",
        "Later we left.",
        "Vitamin C.",
        "Then he slept.",
    ],
    "es": [
        "La enfermedad fue vista.",
        "Las nuevas técnicas cuestan 3.50 euros.",
        "¿Ayuda?",
        "¡Sí!",
        "El Sr.García vino.",
    ],
    "fa": ["بیماری در شهر دیده شد.", "روش‌های تازه ۳.۵ سال پیش آمدند.", "آیا کمک می‌کند؟", "بله."],
    "fi": ["Tauti nähtiin kaupungissa.", "Uudet keinot maksavat 3.50 euroa.", "Auttaako se?", "Kyllä."],
    "fr": [
        "La carte est gratuite.",
        "Vous pouvez la demander.",
        "Elle coûte 3.50 euros.",
        "Né en 52 av.J.-C. il mourut.",
        "Voyez M.Dupont.",
        "Est-ce utile ?",
        "Oui.",
    ],
    "hi": ["रोग शहर में देखा गया।", "नई तकनीक ३.५ साल पहले आई।", "डॉ.शर्मा आए।", "वह मदद करती है.", "वह गया।"],
    "id": [
        "Penyakit itu terlihat.",
        "Teknologi baru berharga 3.500 rupiah.",
        "Dr.Budi datang.",
        "Apakah membantu?",
        "Ya.",
    ],
    "it": [
        "La malattia fu vista.",
        "Le nuove tecniche costano 3.50 euro.",
        "Il dott.Rossi venne.",
        "Aiuta?",
        "Certo.",
    ],
    "ja": ["病気が見つかった。", "新しい技術は3.5年前に来た。", "役に立つか？", "はい。"],
    "ko": ["병이 도시에서 발견되었다.", "새로운 기술은 3.5년 전에 왔다.", "도움이 되는가?", "그렇다."],
    "pt": [
        "A doença foi vista.",
        "As novas técnicas custam 3.50 euros.",
        "O Sr.Silva veio.",
        "Ajuda?",
        "Sim.",
    ],
    "ru": [
        "Болезнь видели в городе.",
        "Новые методы стоят 3.50 рубля.",
        "Их создал А.С.Попов.",
        "Помогает?",
        "Да.",
    ],
    "sw": [
        "Ugonjwa ulionekana mjini.",
        "Teknolojia mpya zina bei ya 3.50 tu.",
        "Dkt.Juma alikuja.",
        "Inasaidia?",
        "Ndiyo.",
    ],
    "te": ["వ్యాధి నగరంలో కనిపించింది.", "కొత్త పద్ధతి 3.5 కి.మీ. దూరంలో ఉంది.", "డా.రావు వచ్చారు.", "ఇది సాయపడుతుందా?", "అవును."],
    "th": ["เขาเกิดเมื่อ พ.ศ.2500 ที่กรุงเทพฯ", "ต่อมาเขาย้ายไปเชียงใหม่"],
    "yo": [
        "A rí àrùn náà ní ìlú.",
        "Ìlànà tuntun náà jẹ́ 3.50 owó.",
        "Dr.Adé wá.",
        "Ṣé ó ràn wá lọ́wọ́?",
        "Bẹ́ẹ̀ ni.",
    ],
    "zh": ["疾病出现了。", "新技术在3.5年前到来。", "有用吗？", "有用。"],
}


@pytest.mark.parametrize("lang", sorted(UNSPACED))
def test_a_stop_without_a_space_ends_a_sentence(lang: str) -> None:
    gap = " " if lang == "th" else ""  # Thai separates sentences by spaces
    assert split_sentences(gap.join(UNSPACED[lang]), lang) == UNSPACED[lang]
    assert split_sentences("\n\n".join(UNSPACED[lang]), lang) == UNSPACED[lang]


def test_the_table_has_all_languages() -> None:
    assert set(UNSPACED) == set(LANGUAGE_NAMES)


@pytest.mark.parametrize(
    "name",
    [
        "http://example.org/a.Html?Page=2.B",
        "www.Example.Org",
        "ada.Lovelace@Mail.Example.Com",
        "v1.2.3",
        "10.0.0.1",
        "Readme.Txt",
        "NODE.JS",
        "/usr/share/doc/README.Debian",
        "com.sun.star.Date",
        "os.path.Join",
        "Main.Run()",
        "FORECAST.ETS",
        "socket.AF_INET",
        "Scope.BasicLibraries.Load",
        "U.S.A.",
        "1,234.56",
        "3.5mg/kg",
        "e.g.Some",
        "§3.2.1",
        ".NET",
    ],
)
def test_names_numbers_and_addresses_stay_whole(name: str) -> None:
    text = f"We found {name} in the first of these lists. Then we went home."
    assert split_sentences(text, "en") == [text[: -len(" Then we went home.")], "Then we went home."]


def test_notes_and_quotation_marks_stay_with_their_sentence() -> None:
    text = 'It was so.[2][3] Then he said "no." It ended.[lower-alpha 1]. Next.'
    assert split_sentences(text, "en") == [
        "It was so.[2][3]", 'Then he said "no."', "It ended.[lower-alpha 1].", "Next.",
    ]  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "de", "fr", "ru"])
def test_taking_spaces_away_takes_no_sentence_away(lang: str) -> None:
    text = " ".join(_prose(lang) * 20)
    glued = re.sub(r"(?<=[^\W\d_]{3}[.!?]) ", "", text)
    assert len(glued) < len(text)
    assert len(split_sentences(glued, lang)) == len(split_sentences(text, lang)) == 20 * len(_prose(lang))


def _prose(lang: str) -> list[str]:
    return [s for s in UNSPACED[lang] if re.search(r"\w{3}[.!?]$", s)]
