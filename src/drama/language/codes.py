"""Language codes: one language has one code, however it was written."""

import re
from typing import Annotated

from pydantic import AfterValidator

_ISO_639 = """aa aar; ab abk; ae ave; af afr; ak aka; am amh; an arg; ar ara arb; as asm; av ava;
ay aym; az aze azj; ba bak; be bel; bg bul; bi bis; bm bam; bn ben; bo bod tib; br bre; bs bos; ca cat;
ce che; ch cha; co cos; cr cre; cs ces cze; cu chu; cv chv; cy cym wel; da dan; de deu ger; dv div;
dz dzo; ee ewe; el ell gre; en eng; eo epo; es spa; et est ekk; eu eus baq; fa fas per pes; ff ful;
fi fin; fj fij; fo fao; fr fra fre; fy fry; ga gle; gd gla; gl glg; gn grn; gu guj; gv glv; ha hau;
he heb iw; hi hin; ho hmo; hr hrv; ht hat; hu hun; hy hye arm; hz her; ia ina; id ind in; ie ile;
ig ibo; ii iii; ik ipk; io ido; is isl ice; it ita; iu iku; ja jpn; jv jav jw; ka kat geo; kg kon;
ki kik; kj kua; kk kaz; kl kal; km khm; kn kan; ko kor; kr kau; ks kas; ku kur; kv kom; kw cor; ky kir;
la lat; lb ltz; lg lug; li lim; ln lin; lo lao; lt lit; lu lub; lv lav lvs; mg mlg plt; mh mah;
mi mri mao; mk mkd mac; ml mal; mn mon khk; mr mar; ms msa may zsm; mt mlt; my mya bur; na nau; nb nob;
nd nde; ne nep npi; ng ndo; nl nld dut; nn nno; no nor; nr nbl; nv nav; ny nya; oc oci; oj oji;
om orm gaz; or ori ory; os oss; pa pan; pi pli; pl pol; ps pus pbt; pt por; qu que; rm roh; rn run;
ro ron rum mo mol; ru rus; rw kin; sa san; sc srd; sd snd; se sme; sg sag; sh hbs; si sin; sk slk slo;
sl slv; sm smo; sn sna; so som; sq sqi alb; sr srp; ss ssw; st sot; su sun; sv swe; sw swa swh; ta tam;
te tel; tg tgk; th tha; ti tir; tk tuk; tl tgl fil; tn tsn; to ton; tr tur; ts tso; tt tat; tw twi;
ty tah; ug uig; uk ukr; ur urd; uz uzb uzn; ve ven; vi vie; vo vol; wa wln; wo wol; xh xho;
yi yid ydd ji; yo yor; za zha; zh zho chi cmn; zu zul"""
"""ISO 639-1, then ISO 639-3 and 639-2, withdrawn codes, and the variety that corpora name in its place."""
_SHORT = {other: codes[0] for codes in (line.split() for line in _ISO_639.split(";")) for other in codes[1:]}
_NO_LANGUAGE = ("und", "mul", "mis", "zxx")
_TAG = re.compile(
    r"""([a-z]{2,3})                                # language
    (?:[-_][a-z]{3})* (?:[-_][a-z]{4})?             # extended language, script
    (?:[-_](?:[a-z]{2}|\d{3}))?                     # region
    (?:[-_](?:[a-z\d]{5,8}|\d[a-z\d]{3}))*          # variants
    (?:[-_][a-z\d](?:[-_][a-z\d]{1,8})+ | [.@].*)?  # extensions; encoding and modifier of a POSIX locale""",
    re.VERBOSE,
)


def normalise_language(code: str) -> str:
    """The one code of a language: ISO 639-1 where it has such a code, else as it was given, in lower case.

    ISO 639-1, -2 and -3, BCP 47 tags and POSIX locales are known; script, region and variant are left out.
    Codes that say "undetermined" or "several" are empty, as where no language is named.

    >>> {normalise_language(code) for code in ("DE", "de-DE", "de_AT.UTF-8", "deu", "ger", "de-Latn-DE-1996")}
    {'de'}
    >>> [normalise_language(code) for code in ("zh-Hant", "arb_Arab", "haw-US", "Klingon", "und", "")]
    ['zh', 'ar', 'haw', 'klingon', '', '']
    """
    code = code.strip().lower()
    tag = _TAG.fullmatch(code)
    if tag is None:
        return code
    language = tag.group(1)
    return "" if language in _NO_LANGUAGE else _SHORT.get(language, language)


def _from_settings(code: str) -> str:
    if _TAG.fullmatch(code.strip().lower()) is None:
        raise ValueError(f"'{code}' is no language code; codes are like en, de or zh-Hant")
    return normalise_language(code)


Language = Annotated[str, AfterValidator(_from_settings)]
"""A language in settings, by any of its codes."""
