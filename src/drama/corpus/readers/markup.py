"""Markdown, reStructuredText, AsciiDoc and Org: headings become `#` lines, code is fenced, the
marks of links, directives and comments go.

Each format is read line by line. Its libraries (docutils, and Sphinx for most of what people call .rst)
want to resolve every directive, and leave out what they don't know; a corpus needs the words.
"""

import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from drama.corpus.readers.page import Page, fenced, read_bytes, text_of
from drama.records import metadata_of

_LANG = ("lang", "language")
"""Names in front matter."""
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_ATX = re.compile(r"\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_BLANKS = re.compile(r"\n{3,}")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_MD_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+[\"'(][^)]*)?\)")
_MD_REFERENCE = re.compile(r"!?\[([^\[\]]+)\]\[[^\[\]]*\]")
_MD_TARGET = re.compile(r"\s{0,3}\[[^\]^][^\]]*\]:\s+\S")


def read_markup(path: Path) -> Page:
    """Read a file in the format that its suffix names.

    Raises:
        UnreadableError: damaged, binary, or in no known encoding.
    """
    text, encoding = text_of(read_bytes(path), path)
    suffix = next(s for s in reversed(path.suffixes) if s.lower() in MARKUPS)
    return MARKUPS[suffix.lower()](text.replace("\r\n", "\n").expandtabs(4))._replace(encoding=encoding)


def markdown(text: str) -> Page:
    """A Markdown text; title and language come from its front matter (YAML or TOML), else its first heading.

    >>> markdown("---\\ntitle: Tea\\nlang: en-GB\\n---\\nSteep [it](http://x.org).\\n\\nFor how long?\\n---")
    Page(title='Tea', text='Steep it.\\n\\n## For how long?', lang='en-GB', encoding='', metadata=())
    """
    about, body = front_matter(text)
    lines: list[str] = []
    fence = ""
    for line in _COMMENT.sub("", body).split("\n"):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not line.strip(" `~") else fence
            lines.append(line)
        elif mark:
            fence = mark[1]
            lines.append(line)
        elif heading := _ATX.match(line):
            lines += ["", f"{heading[1]} {_unlinked(heading[2])}", ""]
        elif re.fullmatch(r"\s{0,3}(=+|-+)\s*", line) and _ends_paragraph(lines):
            lines.append(f"{'#' if '=' in line else '##'} {lines.pop().strip()}")
        elif not _MD_TARGET.match(line):
            lines.append(_unlinked(line))
    if fence:
        lines.append(fence)
    page = _page("\n".join(lines), _text(about, "title"), _text(about, *_LANG))
    rest = {name: value for name, value in about.items() if name not in ("title", *_LANG)}
    return page._replace(metadata=metadata_of(rest))


def front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The metadata before a text, and the text; none where it is not a table of names.

    >>> front_matter("+++\\ntitle = 'Tea'\\n+++\\nSteep.")
    ({'title': 'Tea'}, 'Steep.')
    """
    found = _FRONT.match(text)
    if found is None:
        return {}, text
    try:
        about = tomllib.loads(found[2]) if found[1] == "+++" else yaml.safe_load(found[2])
    except (tomllib.TOMLDecodeError, yaml.YAMLError, ValueError, RecursionError):
        return {}, text
    return (about, text[found.end() :]) if isinstance(about, dict) else ({}, text)


def _unlinked(line: str) -> str:
    return _MD_REFERENCE.sub(r"\1", _MD_LINK.sub(r"\1", line))


def _ends_paragraph(lines: Sequence[str]) -> bool:
    """Whether the last line is a paragraph of one line, and so can be a heading."""
    if not lines or not lines[-1].strip() or lines[-1].lstrip().startswith(("#", ">", "|", "-", "*", "`")):
        return False
    return len(lines) == 1 or not lines[-2].strip()


def _text(about: dict[str, Any], *names: str) -> str:
    return next((" ".join(about[name].split()) for name in names if isinstance(about.get(name), str)), "")


def _page(text: str, title: str = "", lang: str = "") -> Page:
    """The page of a text with `#` headings; without a title it has the first heading, which then goes if
    nothing stands before it."""
    text = _BLANKS.sub("\n\n", text).strip("\n")
    in_code = False
    for at, line in enumerate(lines := text.split("\n")):
        in_code ^= bool(_FENCE.match(line))
        if in_code or not line.startswith("#") or not (heading := _ATX.match(line)):
            continue
        title = title or heading[2]
        if heading[2] == title and not "".join(lines[:at]).strip():
            text = "\n".join(lines[at + 1 :])
        break
    return Page(title, text.strip(), lang)


# --- reStructuredText ---------------------------------------------------------------------------------

_ADORNMENT = re.compile(r"""([!-/:-@[-`{-~])\1{2,}\s*$""")
_DIRECTIVE = re.compile(r"(\s*)\.\. +(?:\|[^|]+\| +)?([\w:.+-]+?):: ?(.*)$")
_EXPLICIT = re.compile(r"\s*(\.\. |\.\.$|__ )")
_OPTION = re.compile(r"\s*:[\w -]+:(\s|$)")
_ROLE = re.compile(r":[\w:.+-]+:`([^`]+)`|`([^`]+)`_{0,2}|\|([^|\s][^|]*)\|_{0,2}")
_TARGET = re.compile(r"^[~!]?(.*?)\s*(?:<[^<>]*>)?$", re.DOTALL)
_CODE = {"code", "code-block", "sourcecode", "parsed-literal", "productionlist", "doctest", "testcode"}
_SILENT = set(
    """index contents toctree image figure include literalinclude highlight currentmodule module py:module
    py:currentmodule raw meta sectionauthor codeauthor default-domain only class role container tabularcolumns
    automodule autoclass autofunction automethod""".split()  # noqa: SIM905
)
"""Directives whose arguments are no text."""


def restructured(text: str) -> Page:
    """A reStructuredText; the marks of headings rank by their first use, as in docutils.

    >>> restructured("Tea\\n===\\n\\n.. note:: Hot!\\n\\nSee :ref:`a <pot>`::\\n\\n  boil()\\n\\nend").text
    'Hot!\\n\\nSee a:\\n\\n```\\nboil()\\n```\\n\\nend'
    """
    return _page("\n".join(_rst_lines(text.split("\n"))))


def _rst_lines(lines: Sequence[str]) -> Iterator[str]:
    marks: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        heading = _rst_heading(lines, at)
        directive = _DIRECTIVE.match(line)
        if heading:
            title, mark, used = heading
            if mark not in marks:
                marks.append(mark)
            yield from ("", f"{'#' * min(6, marks.index(mark) + 1)} {_plain(title)}", "")
            at += used
        elif directive:
            indent, name, rest = directive.groups()
            end = _block_end(lines, at + 1, len(indent))
            body = list(lines[at + 1 : end])
            while body and _OPTION.match(body[0]):
                body.pop(0)
            yield ""
            if name in _CODE:
                yield fenced(textwrap.dedent("\n".join(body)), rest.strip())
            else:
                yield from (_plain(rest),) if rest and name not in _SILENT else ()
                yield from _rst_lines(textwrap.dedent("\n".join(["", *body])).split("\n"))
            yield ""
            at = end
        elif _EXPLICIT.match(line):
            indent = len(line) - len(line.lstrip())
            footnote = re.match(r"\s*\.\. \[[^\]]+\] (.*)", line)
            end = _block_end(lines, at + 1, indent)
            if footnote:
                yield from (_plain(footnote[1]), *map(_plain, lines[at + 1 : end]))
            at = end
        elif line.rstrip().endswith("::") and (end := _literal_end(lines, at)):
            kept = line.rstrip()[:-1]
            yield _plain(kept) if kept.strip(" :") else ""
            yield from ("", fenced(textwrap.dedent("\n".join(lines[at + 1 : end]))), "")
            at = end
        else:
            yield _plain(line)
            at += 1


def _rst_heading(lines: Sequence[str], at: int) -> tuple[str, str, int] | None:
    """Title, marks and number of lines of a heading that begins here."""

    def line(offset: int) -> str:
        return lines[at + offset].rstrip() if at + offset < len(lines) else ""

    over = _ADORNMENT.match(line(0))
    if over and line(1).strip() and line(2) and line(2)[0] == over[1] and _ADORNMENT.match(line(2)):
        return line(1).strip(), over[1] * 2, 3
    under = _ADORNMENT.match(line(1))
    if not under or over or not line(0).strip() or line(0).startswith((" ", "..", "=", "+", "|")):
        return None
    # A heading stands alone; its underline may be a little short, which docutils only warns about.
    alone = at == 0 or not line(-1).strip(under[1])
    return (line(0), under[1], 2) if alone and len(line(1)) + 3 >= len(line(0)) else None


def _block_end(lines: Sequence[str], start: int, indent: int) -> int:
    """Where the lines end that are indented more than `indent`."""
    end = start
    for at in range(start, len(lines)):
        if lines[at].strip():
            if len(lines[at]) - len(lines[at].lstrip()) <= indent:
                break
            end = at + 1
    return end


def _literal_end(lines: Sequence[str], at: int) -> int:
    """Where the literal block after a line that ends with two colons ends; 0 if there is none."""
    end = _block_end(lines, at + 1, len(lines[at]) - len(lines[at].lstrip()))
    return end if end > at + 1 and not lines[at + 1].strip() else 0


def _plain(line: str) -> str:
    return _ROLE.sub(_role_text, line.replace("``", "`")) if "`" in line or "|" in line else line


def _role_text(found: re.Match[str]) -> str:
    if found[3] is not None:  # a substitution, or the border of a table
        return found[0]
    target = _TARGET.match(found[1] or found[2])
    return target[1] if target and target[1] else (found[1] or found[2]).strip("<>")


# --- AsciiDoc and Org ---------------------------------------------------------------------------------

_ADOC_HEADING = re.compile(r"(={1,6}|#{1,6})\s+(\S.*?)(?:\s+\1)?\s*$")
_ADOC_LINK = re.compile(
    r"(?:link:|xref:|image::?|https?://|mailto:)[^\s\[\]]*\[([^\]]*)\]|<<[^,>]+,([^>]+)>>"
)
_ADOC_DROPPED = re.compile(
    r"(:[\w!-]+:.*|\[[^\]]*\]|//(?!/).*|include::.*|ifn?def::.*|endif::.*|\+|toc::.*)\s*$"
)


def asciidoc(text: str) -> Page:
    """An AsciiDoc text.

    >>> asciidoc("= Tea\\n:lang: en\\n\\n== Pot\\nSee https://x.org[this].\\n\\n----\\nboil()\\n----")[:3]
    ('Tea', '## Pot\\n\\nSee this.\\n\\n```\\nboil()\\n```', 'en')
    """
    lang = re.search(r"^:lang:\s*(\S+)", text, re.MULTILINE)
    lines: list[str] = []
    waiting = iter(text.split("\n"))
    for line in waiting:
        if re.fullmatch(r"(-{4,}|\.{4,}|`{3,}.*)\s*", line):
            end = line.strip() if line[0] != "`" else line.strip()[: len(line) - len(line.lstrip("`"))]
            lines += ["", fenced("\n".join(_until(waiting, end))), ""]
        elif re.fullmatch(r"/{4,}\s*", line):
            for _ in _until(waiting, line.strip()):
                pass
        elif heading := _ADOC_HEADING.match(line):
            lines += ["", f"{'#' * len(heading[1])} {_adoc_text(heading[2])}", ""]
        elif not _ADOC_DROPPED.match(line) and not re.fullmatch(r"([=*_+])\1{3,}|--|\|===", line.strip()):
            lines.append(_adoc_text(line))
    return _page("\n".join(lines), "", lang[1] if lang else "")


def _until(lines: Iterator[str], end: str) -> Iterator[str]:
    for line in lines:
        if line.strip() == end:
            return
        yield line


def _adoc_text(line: str) -> str:
    return _ADOC_LINK.sub(lambda found: found[1] or found[2] or "", line)


_ORG_HEADING = re.compile(r"(\*+)\s+(?:TODO\s+|DONE\s+)?(?:\[#\w\]\s+)?(.*?)(?:\s+:[\w@:]+:)?\s*$")
_ORG_LINK = re.compile(r"\[\[[^\]]*\]\[([^\]]+)\]\]|\[\[(?:file:)?([^\]]+)\]\]")


def org(text: str) -> Page:
    """An Org text.

    >>> org("#+TITLE: Tea\\n* TODO Pot :hot:\\nSee [[x][this]].\\n#+BEGIN_SRC sh\\nboil\\n#+END_SRC").text
    '# Pot\\n\\nSee this.\\n\\n```sh\\nboil\\n```'
    """
    about: dict[str, str] = {}
    lines: list[str] = []
    waiting = iter(text.split("\n"))
    for line in waiting:
        plain = line.strip()
        keyword = re.match(r"#\+(\w+):?\s*(.*)", plain)
        if keyword and (block := re.fullmatch(r"begin_(src|example)", keyword[1], re.IGNORECASE)):
            lines += ["", fenced("\n".join(_org_block(waiting, block[1])), keyword[2].split(" ")[0]), ""]
        elif keyword:
            about[keyword[1].lower()] = keyword[2].strip()
        elif re.fullmatch(r":(PROPERTIES|LOGBOOK):", plain):
            for _ in _until(waiting, ":END:"):
                pass
        elif heading := _ORG_HEADING.match(line):
            lines += ["", f"{'#' * min(6, len(heading[1]))} {_org_text(heading[2])}", ""]
        elif not re.match(r"#( |$)", plain):
            lines.append(_org_text(line))
    return _page("\n".join(lines), about.get("title", ""), about.get("language", ""))


def _org_block(lines: Iterator[str], kind: str) -> Iterator[str]:
    for line in lines:
        if line.strip().lower() == f"#+end_{kind.lower()}":
            return
        yield line


def _org_text(line: str) -> str:
    return _ORG_LINK.sub(lambda found: found[1] or found[2], line)


MARKUPS: dict[str, Callable[[str], Page]] = {
    ".md": markdown,
    ".markdown": markdown,
    ".mdown": markdown,
    ".qmd": markdown,
    ".rmd": markdown,
    ".rst": restructured,
    ".rest": restructured,
    ".adoc": asciidoc,
    ".asciidoc": asciidoc,
    ".org": org,
}
"""Suffix → what reads such a text."""
