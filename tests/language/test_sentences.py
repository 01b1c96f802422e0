"""Sentences in the twenty languages: each list is how a reader would split the text, written by hand."""

import sys

import pytest

from drama.language import sentences, split_sentences, splits_at_spaces

SENTENCES = {
    "ar": [
        "وصل د. أحمد إلى القاهرة في الساعة 3.30 مساءً.", "هل كان متعبًا؟", "نعم، كان متعبًا جدًا!",
        "وُلد أ. د. سامي عام 300 ق.م. في بابل.", "انظر ص. 12 من الكتاب.",
    ],
    "bn": [
        "ডা. রহমান ঢাকায় থাকেন।", "তিনি কি আজ আসবেন?", "হ্যাঁ, তিনি আসবেন!", "ড. ইউনূস এবং মো. আলী এলেন।",
        "দাম ৩.৫০ টাকা।",
    ],
    "de": [
        "Dr. Müller kam am 3. Oktober an.", "Er hat z. B. Bücher, d. h. Romane, dabei.",
        "Das kostet ca. 3,50 Euro.", "Stimmt das?", "Prof. Weber (geb. 1950) lehrt u. a. in Köln.",
        "Am 1. Mai ist frei.", "Nr. 5 fehlt.", "„Komm!“, rief er.", "Dann ging er.",
    ],
    "en": [
        "Dr. Smith paid $3.50 to Acme Inc. in the U.S. yesterday.", "Did he, e.g., complain?",
        "He left at 5 p.m. on Monday.", "See Fig. 3 and pp. 5-7.", "It costs approx. 3 dollars, i.e. little.",
        '"Stop!" he said.', "Then he left.",
    ],
    "es": [
        "El Sr. García vive en la Av. Reforma.", "¿Cuándo llega la Dra. Ruiz?", "¡Mañana!",
        "Trae p. ej. libros, EE. UU. incluido.", "La Srta. López y Dña. Ana van a la pág. 5.", "«Claro.»",
        "Llegaron etc. y más.",
    ],
    "fa": [
        "دکتر احمدی ساعت ۳٫۳۰ رسید.", "آیا خسته بود؟", "بله، خیلی خسته بود!",
        "ناصرالدین شاه در ۱۲۱۰ ه.ش. متولد شد.", "قیمت ۳.۵ دلار است؟",
    ],
    "fi": [
        "Tri Virtanen saapui 3. lokakuuta.", "Hän toi esim. kirjoja, mm. romaaneja ym. tavaraa.",
        "Tuliko hän yksin?", "Ei!", "Prof. Niemi ja tri Aho tulivat klo 10.30.", "Hyvä!",
    ],
    "fr": [
        "M. Dupont habite av. Foch à Paris.", "Mme Curie l'a vu, cf. p. 12 du livre.", "Est-il venu ?",
        "Oui !", "Il est arrivé avec le Dr. Martin.",
        "MM. Dupont et Durand sont nés av. J.-C. selon l'art. 5.",
        "Le prix, env. 3,50 €, monte.", "« Vraiment ? » demanda-t-il.", "Livres, cahiers, etc. et puis fin.",
    ],
    "hi": [
        "डॉ. शर्मा दिल्ली में रहते हैं।", "क्या वे आज आएँगे?", "हाँ, वे आएँगे!", "प्रो. वर्मा और श्री. गुप्ता आए।",
        "मूल्य 3.50 रुपये है।",
    ],
    "id": [
        "Dr. Budi tinggal di Jl. Sudirman No. 5 Jakarta.", "Apakah dia datang?", "Ya!",
        "Dia membawa buku, pensil, dll. untuk kami.", "Harganya Rp. 3.500 saja.", "Ada meja, kursi, dsb.",
        "Dia pulang.",
    ],
    "it": [
        "Il dott. Rossi abita in via Roma.", "Il sig. Bianchi arriva alle 3.30 circa.", "Viene da solo?",
        "Porta libri, ecc. per tutti.", "La dott.ssa Blu, ad es., vive a S. Marino.", "«Davvero?» chiese.",
        "Sì.",
    ],
    "ja": [
        "山田さんは「もう行くよ。」と言った。", "本当ですか？", "はい！", "価格は3.5ドルです。",
        "Dr.スミスは来なかった。",
        "東京（日本の首都。）は大きい。", "「行くよ。」", "ところで明日は雨でしょう。",
    ],
    "ko": [
        "김 박사는 오후 3.5시에 도착했다.", "그는 피곤했을까?", "네, 아주 피곤했어요!", "Dr. Kim이 왔다.",
        '"정말요?" 하고 물었다.', "그 후 잠들었습니다.",
    ],
    "pt": [
        "O Sr. Silva mora na Av. Paulista.", "A Dra. Costa chegou às 3.30 horas?", "Sim!",
        "Trouxe p. ex. livros, etc. para nós.", "O Eng. Reis vive na R. Augusta, n.º 5.", "Veja a pág. 12.",
        "É.",
    ],
    "ru": [
        "Проф. Иванов родился в 1950 г. в Москве.", "Он приехал?", "Да!",
        "Он привёз книги, т. е. романы, и т. д. для нас.", "А. С. Пушкин жил в XIX в. в России.",
        "Население — 5 млн. человек.", "«Правда?» — спросил он.", "См. рис. 5.",
    ],
    "sw": [
        "Dkt. Juma anaishi Dar es Salaam.", "Je, atakuja leo?", "Ndiyo!",
        "Alileta vitabu n.k. kwa ajili yetu.", "Bei ni Sh. 3.50 tu.", 'Prof. Mbiti alisema, "Karibu!"',
        "Bw. Juma na Bi. Asha walifurahi.",
    ],
    "te": [
        "డా. రావు హైదరాబాద్‌లో ఉంటారు.", "ఆయన ఈరోజు వస్తారా?", "అవును, వస్తారు!", "దూరం 3.5 కి.మీ. ఉంది.",
        "మేము ఎదురు చూస్తున్నాము.",
    ],
    "th": [
        "วันนี้อากาศดีมาก", "เราไปสวนสาธารณะกัน", "พรุ่งนี้ฝนจะตก", "เขาเกิดเมื่อวันที่ 1 มกราคม พ.ศ. 2500 ที่กรุงเทพฯ",
        "ต่อมาเขาย้ายไปเชียงใหม่", "ปัจจุบันเขาเป็นครู",
    ],
    "yo": [
        "Dókítà Adé ń gbé ní ìlú Ìbàdàn.", "Ṣé ó máa wá lónìí?", "Bẹ́ẹ̀ ni!",
        "Dr. Adé àti Prof. Ọlá dé ní ago 3.30.", "Kò sí.",
    ],
    "zh": [
        "王先生说：“我们走吧。”", "他真的走了吗？", "是的！", "价格是3.5元。", "明天会下雨……后天天晴。",
        "李先生（1950年出生。）住在北京。",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lang", sorted(SENTENCES))
def test_sentences_of_each_language(lang: str) -> None:
    gap = "" if lang in ("ja", "zh") else " "
    assert split_sentences(gap.join(SENTENCES[lang]), lang) == SENTENCES[lang]
    assert split_sentences(" \n\n ".join(SENTENCES[lang]), lang) == SENTENCES[lang]


def test_lower_case_texts_and_blank_lines() -> None:
    assert split_sentences("it flows over. the wing lifts.") == ["it flows over.", "the wing lifts."]
    assert split_sentences("A heading\n \nand\ntext . more ! ") == ["A heading", "and text .", "more !"]
    assert split_sentences(" \n\n ") == []


def test_thai_without_its_library_is_split_at_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not splits_at_spaces("th")
    monkeypatch.setitem(sys.modules, "pycrfsuite", None)
    assert (splits_at_spaces("th"), splits_at_spaces("en")) == (True, False)
    text = " ".join(SENTENCES["th"])
    found = split_sentences(text, "th")
    assert " ".join(found) == text
    assert len(found) > 2
    assert all(40 <= len(piece) < 80 for piece in found[:-1])


@pytest.mark.parametrize("lang", ["en", "th"])
def test_lines_are_sentences_where_there_is_nothing_else(lang: str) -> None:
    log = [f"2026-01-01 host{i} connect retry error" for i in range(500)]
    assert split_sentences("\n".join(log), lang) == log
    wrapped = "This sentence was wrapped\nby its author, as in\nan e-mail. And it\nhas a second one."
    assert split_sentences(wrapped, "en") == [wrapped[:57].replace("\n", " "), "And it has a second one."]


@pytest.mark.parametrize("lang", ["en", "ja", "th", "xx"])
@pytest.mark.parametrize(
    "text",
    [
        "aGVsbG8gd29ybGQ+/" * 3000,
        "word " * 9000,
        "。" * 9000,
        '"Go," he said. ' * 3000,
        "彼は「来た。」。" * 3000,
    ],
)
def test_the_splitter_reads_a_text_of_any_kind_about_twice_at_most(
    text: str, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    whole = sentences._splitter(lang)
    monkeypatch.setattr(sentences, "_splitter", lambda _: lambda part: read.append(len(part)) or whole(part))
    found = split_sentences(text, lang)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert sum(read) <= 2 * len(text) + sentences._WINDOW
    assert max(read) <= sentences._WINDOW
