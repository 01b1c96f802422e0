"""Full stops and quotation marks that end no sentence, where sentencex splits what it should not."""

import re

from drama.language.stops import joins

_KNOWN = {
    "ar": "د م أ ص ج ت هـ ق.م",
    "bn": "ডা ড মি মো মোঃ প্রফে",
    "en": "approx Figs Eq Eqs Ref Sec",
    "es": "Dña D Srta aprox",
    "fa": "ه.ش ه.ق ق.م ص ج",
    "fr": "M MM Dr Me Mgr Pr Mlle Mme St Ste art fig vol chap env",
    "hi": "डॉ श्री प्रो पं कु सं रु सें मी कि ई पू",
    "id": "Jl Jln Dr Ir KH Hj H Prof Drs Kab Kec No Tn Ny Rp hlm",
    "it": "S ca pag",
    "ja": "Dr Mr Ms Mrs St Jr No vs",
    "ko": "Dr Mr Ms Mrs St No vs",
    "pt": "Av Sr Sra Dr Dra Prof Profa Exmo Eng R p pág séc aprox",
    "ru": "рис стр табл гл см ср ул им",
    "sw": "Dk Dkt Bw Bi Prof Mhe Sh Mh Na Uk Mch",
    "te": "డా శ్రీ ప్రొ రూ కి.మీ క్రీ శ పూ",
    "yo": "Dr Dókítà Ọ̀gb Prof Alh",
}
"""By language: titles, units and the like that come before a name or a number."""

_LETTER_NAMES = {
    "bn": "এ বি সি ডি জি জে কে এল এম এন পি আর এস টি ভি",
    "fa": "بی سی دی جی",
    "hi": "ए बी सी डी जी जे के एल एम एन पी आर एस टी वी",
    "te": "బి సి డి జి జె కె ఎల్ ఎం ఎన్ పి ఆర్ ఎస్ టి వి",
}
"""Initials by the names of Latin letters. Some are words too: with a space, their stop ends a sentence."""


def _before_stop(known: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\s(\"'«“‘.])(?:{'|'.join(map(re.escape, known.split()))})\.$", re.IGNORECASE)


_KNOWN_STOP = {lang: _before_stop(known) for lang, known in _KNOWN.items()}
_LETTER_STOP = {lang: _before_stop(names) for lang, names in _LETTER_NAMES.items()}
_THAI_STOP = re.compile(r"(?:^|[\s.(])[ก-ฮ]{1,3}\.$")
_CONTINUES_AFTER_QUOTE = {
    "ja": re.compile(r"と(?!ころ|ても|にかく|りあえず|きどき|はいえ|もあれ)|って|などと"),
    "ko": re.compile(r"하고|라고|라며|라는|이라고|고 "),
}
_CLOSING = '」』”’"»'
_LETTER = re.compile(r"[^\W\d_]")


def belongs_together(sentence: str, following: str, gap: bool, lang: str) -> bool:
    """Whether two pieces that the splitter separated are one sentence.

    Args:
        sentence: the pieces combined so far; of a long one the beginning and the end.
        following: the next piece, or its beginning.
        gap: whether there is white space between them.
        lang: ISO 639-1 code.

    >>> belongs_together("M.", "Dupont habite ici.", True, "fr")
    True
    >>> [belongs_together("Ada meja, dll.", s, True, "id") for s in ("untuk kami.", "Dia ada.")]
    [True, False]
    """
    continues = _CONTINUES_AFTER_QUOTE.get(lang)
    if continues is not None and sentence[-1] in _CLOSING and continues.match(following):
        return True
    if following[0] == "»" or (following[0] in "—–" and following[1:].strip()[:1].islower()):
        return True
    if lang == "th":
        return _THAI_STOP.search(sentence) is not None
    letters = _LETTER_STOP.get(lang)
    if not gap and (joins(sentence, following, lang) or (letters is not None and letters.search(sentence))):
        return True
    if not sentence.endswith("."):
        return False
    known = _KNOWN_STOP.get(lang)
    if known is not None and known.search(sentence):
        return True
    # Where sentences begin with capitals, a small letter begins none.
    first = _LETTER.search(sentence)
    return following[0].islower() and first is not None and first.group().isupper()
