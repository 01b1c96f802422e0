"""LaTeX as text, by pylatexenc."""

import re
from pathlib import Path
from typing import Any

from drama.corpus.readers.page import Page, UnreadableError, fenced, read_bytes, text_of

_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
_CODE = ("verbatim", "Verbatim", "lstlisting", "minted", "alltt")
_BLOCK = re.compile(r"\\begin\{(%s)\*?\}(?:\[[^\]]*\])?(.*?)\\end\{\1\*?\}" % "|".join(_CODE), re.DOTALL)  # noqa: UP031
_DOCUMENT = re.compile(r"\\begin\{document\}(.*?)(?:\\end\{document\}|\Z)", re.DOTALL)
_TITLE = re.compile(r"(?<!\\)\\title\s*(?:\[[^\]]*\])?\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_PLACE = "\ue000%d\ue001"


def read_latex(path: Path) -> Page:
    """Read a LaTeX file: sections become `#` headings, listings are fenced, formulas are spelt out as far
    as Unicode can.

    Raises:
        UnreadableError: damaged, binary, in no known encoding, or beyond pylatexenc.
    """
    text, encoding = text_of(read_bytes(path), path)
    try:
        return latex(text)._replace(encoding=encoding)
    except (ValueError, IndexError, AttributeError, TypeError, RecursionError) as error:
        raise UnreadableError(path, "broken LaTeX", str(error)[:80]) from None


def latex(text: str) -> Page:
    r"""The text of a LaTeX document.

    >>> latex("\\title{Tea}\\begin{document}\\section{Pot}Hei\\ss{}, $\\alpha$ % x\n\\end{document}")
    Page(title='Tea', text='## Pot\n\nHeiß, α', lang='', encoding='', metadata=())
    """
    title = _TITLE.search(text)
    body = _DOCUMENT.search(text)
    listings: list[str] = []

    def keep(found: re.Match[str]) -> str:
        listings.append(fenced(re.sub(r"\A\{[^}]*\}", "", found[2])))
        return "\n\n" + _PLACE % (len(listings) - 1) + "\n\n"

    plain = _to_text().latex_to_text(_BLOCK.sub(keep, body[1] if body else _TITLE.sub("", text)))
    for number, listing in enumerate(listings):
        plain = plain.replace(_PLACE % number, listing)
    plain = re.sub(r"[ \t]+\n", "\n", plain)
    name = _to_text().latex_to_text(title[1]) if title else ""
    return Page(" ".join(name.split()), re.sub(r"\n{3,}", "\n\n", plain).strip())


def _to_text() -> Any:
    from pylatexenc.latex2text import (
        EnvironmentTextSpec,
        LatexNodes2Text,
        MacroTextSpec,
        get_default_latex_context_db,
    )

    def heading(level: int) -> Any:
        # pylatexenc passes the converter under this name.
        def text(node: Any, l2tobj: Any) -> str:
            arguments = [a for a in (node.nodeargd.argnlist if node.nodeargd else []) if a is not None]
            title = l2tobj.nodelist_to_text(arguments[-1:]) if arguments else ""
            return f"\n\n{'#' * level} {' '.join(title.split())}\n\n"

        return text

    def silent(node: Any, l2tobj: Any) -> str:
        return ""

    context = get_default_latex_context_db()
    macros = [MacroTextSpec(name, simplify_repl=heading(level)) for name, level in _LEVELS.items()]
    dropped = ("maketitle", "label", "includegraphics")
    macros += [MacroTextSpec(name, simplify_repl=silent) for name in dropped]
    macros += [MacroTextSpec("item", simplify_repl="\n- "), MacroTextSpec("caption", simplify_repl="%s\n")]
    pictures = [EnvironmentTextSpec("tikzpicture", discard=True)]
    context.add_context_category("drama", prepend=True, macros=macros, environments=pictures)
    return LatexNodes2Text(latex_context=context, math_mode="text", strict_latex_spaces="macros")
