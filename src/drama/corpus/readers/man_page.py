"""The source of a manual page, in the macros of man(7) or mdoc(7), as text."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from drama.corpus.readers.page import Page, UnreadableError, fenced, read_bytes, text_of

_SPECIAL = {
    "-": "-", "(em": "—", "(en": "–", "(hy": "-", "(bu": "•", "(co": "©", "(rg": "®", "(tm": "™",
    "(aq": "'", "(dq": '"', "(lq": "“", "(rq": "”", "(oq": "‘", "(cq": "’", "(ga": "`", "(ha": "^",
    "(ti": "~", "(rs": "\\", "(bv": "|", "(ba": "|", "(mu": "×", "(<=": "≤", "(>=": "≥", "(->": "→",
    "(<-": "←", "(Fo": "«", "(Fc": "»", "(ss": "ß", "(:a": "ä", "(:o": "ö", "(:u": "ü", "(:A": "Ä",
    "(:O": "Ö", "(:U": "Ü", "('e": "é", "(`e": "è", "e": "\\", "\\": "\\", " ": " ", "0": " ", "~": " ",
    "'": "'", "`": "`", "&": "", "/": "", ",": "", "|": "", "^": "", "%": "", ":": "", "c": "", "d": "",
    "u": "", "t": " ", "(lB": "[", "(rB": "]", ".": ".", "(.g": "`",
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:f(?:\[[^\]]*\]|\([^ ]{2}|.)|s(?:[+-]?\d{1,2}|\[[^\]]*\]|\([^ ]{2})|\*(?:\[[^\]]*\]|\([^ ]{2}|.)"
    r"|[hvwlLbD]'[^']*'|[mMn](?:\[[^\]]*\]|\([^ ]{2}|.)|\[u([0-9A-F]{4,5})\]|\[([^\]]*)\]|(\(..|.))"
)
_CONDITION = re.compile(r"[.']\s*(?:(el)|i[fe]\s+(\S+))\s*(.*)")
_COMMENT = re.compile(r'\\["#].*')
_FONTS = {"B", "I", "BI", "BR", "IB", "IR", "RB", "RI", "SB", "SM"}
_BREAKS = set("PP P LP HP TP TQ IP sp br Pp Lp RS RE Ed El ti in".split())  # noqa: SIM905
_CODE = {"nf": "fi", "EX": "EE"}
_ENCLOSED = {
    "Op": "[]", "Pq": "()", "Aq": "<>", "Bq": "[]", "Dq": "“”", "Sq": "‘’", "Qq": '""', "Brq": "{}",
    "Ql": "‘’",
}  # fmt: skip
_INLINE = set(
    "Ar Cm Dv Em Ev Fa Fn Ic In Li Nm Pa Ft Sy Tn Va Vt Xo Xc No Ns Ad An Er Sx Lk Mt Ux Bx Nx".split()  # noqa: SIM905
)


def read_man_page(path: Path) -> Page:
    """Read the source of a manual page.

    Raises:
        UnreadableError: damaged, binary, in no known encoding, or no text but the name of another page.
    """
    text, encoding = text_of(read_bytes(path), path)
    other = re.fullmatch(r"""(?:\s*\.\\".*\n)*\.so\s+(\S+)\s*""", text)
    if other:
        raise UnreadableError(path, "only another name of a manual page", other[1])
    return manual(text)._replace(encoding=encoding)


def manual(text: str) -> Page:
    r"""The text of a manual page; its title is its name and section.

    >>> manual('.TH TEA 1\n.SH NAME\ntea \\- steep leaves\n.SH OPTIONS\n.BR \\-t " time"').text
    '# NAME\n\ntea - steep leaves\n\n# OPTIONS\n\n-t time'
    """
    name = section = ""
    parts: list[str] = []
    code: list[str] | None = None
    until = ""
    lines = _for_terminals(text.split("\n"))
    for line in lines:
        macro, words = _macro(line)
        if macro in ("de", "am", "ig"):
            for skipped in lines:
                if skipped.replace(" ", "") == f".{words[1] if len(words) > 1 else '.'}":
                    break
        elif macro in ("TH", "Dt") and len(words) > 1:
            name, section = _unescaped(words[0]), words[1]
        elif code is not None and macro == until:
            parts += ["", fenced("\n".join(code)), ""] if "".join(code).strip() else []
            code = None
        elif code is not None:
            code.append(_said(macro, words) if macro else _unescaped(line))
        elif macro in _CODE or (macro == "Bd" and "-literal" in words):
            code, until = [], _CODE.get(macro, "Ed")
        elif macro in ("SH", "Sh", "SS", "Ss"):
            words = words or [next(lines, "")]
            title = " ".join(map(_unescaped, words))
            parts += ["", f"{'#' if macro[1] in 'Hh' else '##'} {title}", ""]
        elif macro == "It":
            parts += ["", _mdoc(words)]
        elif macro in _BREAKS:
            parts += ["", *([_unescaped(words[0])] if macro == "IP" and words else [])]
        elif macro == "TS":
            parts += ["", *_table(lines), ""]
        elif macro:
            parts.append(_said(macro, words))
        else:
            parts.append(_unescaped(line))
    parts += ["", fenced("\n".join(code)), ""] if code else []
    body = re.sub(r"\n(\s*\n)+", "\n\n", "\n".join(part.rstrip() for part in parts)).strip()
    named = re.search(r"#+ [^\n]+\n\s*([\w.:+@-]+)[^\n]{0,200}?\s[-–—] ", body)
    if named and named[1].lower() == name.lower():
        name = named[1]  # .TH is often in capitals
    return Page(f"{name}({section})" if name else "", body)


def _for_terminals(lines: Iterable[str]) -> Iterator[str]:
    r"""The lines without what is meant for printers or other versions of roff: of conditions, only `n` holds.

    >>> list(_for_terminals([".if n Bash", ".if t no", ".ie t \\{", "no", ".\\}", ".el .B yes"]))
    ['Bash', '.B yes']
    """
    waiting = iter(lines)
    holds = False
    for line in waiting:
        found = _CONDITION.match(line)
        if not found:
            yield line
            continue
        holds = not holds if found[1] else found[2] in ("n", "!t")
        rest = found[3]
        if rest.startswith("\\{"):
            if not holds:
                depth = rest.count("\\{") - rest.count("\\}")
                while depth > 0 and (skipped := next(waiting, None)) is not None:
                    depth += skipped.count("\\{") - skipped.count("\\}")
                continue
            rest = rest[2:].strip("\\ ")
        if holds and rest:
            yield rest


def _macro(line: str) -> tuple[str, list[str]]:
    """Name and arguments of a request or macro; an empty name for a line of text."""
    if line[:1] not in (".", "'"):
        return "", []
    name, _, rest = line[1:].strip().partition(" ")
    if name.startswith('\\"') or not name:
        return "\\", []
    rest = _COMMENT.sub("", rest)
    try:
        lexer = shlex.shlex(rest, posix=True)
        lexer.quotes, lexer.escape, lexer.whitespace_split, lexer.commenters = '"', "", True, ""
        words = list(lexer)
    except ValueError:  # a quote that is not closed
        words = rest.replace('"', "").split()
    return name, words


def _said(macro: str, words: Sequence[str]) -> str:
    """The text of a line that is a macro."""
    if macro in _FONTS:
        joint = "" if len(macro) == 2 and macro not in ("SB", "SM") else " "
        return joint.join(map(_unescaped, words))
    if macro in ("UR", "MT"):
        return ""
    if macro in ("UE", "ME"):
        return _unescaped(words[0]) if words else ""
    if macro in ("SY", "OP"):
        return " ".join(map(_unescaped, words))
    if macro == "Nd":
        return "- " + _mdoc(words)
    if macro in _INLINE or macro in _ENCLOSED or macro in ("Xr", "Fl", "Oo", "Oc"):
        return _mdoc([macro, *words])
    return ""


def _mdoc(words: Sequence[str]) -> str:
    """A line of mdoc, in which macros call macros."""
    parts: list[str] = []
    closing = ""
    waiting = list(words)
    flag = False
    while waiting:
        word = waiting.pop(0)
        if word == "Xr" and len(waiting) > 1:
            parts.append(f"{waiting.pop(0)}({waiting.pop(0)})")
        elif word in _ENCLOSED:
            parts.append(_ENCLOSED[word][0])
            closing = _ENCLOSED[word][1] + closing
        elif word in ("Oo", "Oc"):
            parts.append("[" if word == "Oo" else "]")
        elif word == "Fl":
            flag = True
            continue
        elif word not in _INLINE:
            parts.append(("-" if flag else "") + _unescaped(word))
        flag = False
    text = " ".join([*parts, *closing])
    return re.sub(r"([\[(<{“‘]) | ([\])>}”’.,;:])", r"\1\2", text)


def _table(lines: Iterable[str]) -> list[str]:
    """The cells of a tbl(1) table, up to its end."""
    rows: list[str] = []
    in_format = True
    for line in lines:
        if line.startswith(".TE"):
            break
        if in_format:
            in_format = not line.rstrip().endswith(".")
        elif line not in ("T{", "_", "=") and not line.startswith("."):
            rows.append(_unescaped(line.replace("T{", "").replace("T}", "")).replace("\t", " | "))
    return rows


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, _COMMENT.sub("", text)) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    if found[1]:
        return chr(min(int(found[1], 16), 0x10FFFF))
    if found[2] is not None:
        return _SPECIAL.get(f"({found[2]}", "")
    return _SPECIAL.get(found[3], "") if found[3] else ""
