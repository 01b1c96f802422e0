"""The text of an HTML page: the visible words of its main part, blocks separated by blank lines."""

import codecs
import re
from contextlib import suppress
from pathlib import Path

import webencodings
from selectolax.lexbor import LexborHTMLParser, LexborNode

from drama.corpus.readers.page import Page, fenced, read_bytes, text_of

_SKIPPED = {"script", "style", "template", "noscript", "svg", "title", "aside", "button", "select", "dialog"}
_ROLES = {"navigation", "search", "banner", "contentinfo", "complementary", "menu", "menubar", "dialog"}
_FURNITURE = set(
    """sidebar sphinxsidebar bd-sidebar-primary bd-sidebar-secondary wy-nav-side md-sidebar navbar nav-bar
    breadcrumb breadcrumbs toc table-of-contents toctree-wrapper headerlink related menu mw-editsection
    noprint cookie-banner skip-link skiplink edit-link prev-next-area rst-versions pagination""".split()  # noqa: SIM905
)
"""Classes and ids of what stands around the text, in the generators and wikis that are used most."""
_MAIN = ("main", '[role="main"]', "article")
_LEAST = 0.2
"""Share of a page's text that its main part must hold, to be taken for it."""
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_BLOCKS = set(
    """address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section summary table tr ul""".split()  # noqa: SIM905
)
_GAPS = dict.fromkeys(_BLOCKS, "\n\n") | {"br": "\n", "td": " ", "th": " "}
_CHARSET = re.compile(rb"""<meta[^>]*charset\s*=\s*["']?\s*([^\s"'/>;]+)""", re.IGNORECASE)
_NAV = re.compile(r"<(/?)nav\b", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_GAP = re.compile(r" *\n *\n\s*")
_PRE = re.compile("\0(.*?)\0", re.DOTALL)


def read_web_page(path: Path) -> Page:
    """Read an HTML file: UTF-8, or the encoding that its byte order mark or its `<meta charset>` names, as
    browsers understand the name (WHATWG: `gb2312` is GB 18030, `iso-8859-1` is Windows-1252); else a guess.

    Raises:
        UnreadableError: damaged, binary, or in no known encoding.
    """
    data = read_bytes(path)
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.replace(b"\0", b"")  # as browsers do
    named = _named_encoding(data)
    if named is not None:
        with suppress(UnicodeDecodeError):
            data.decode("utf-8")
            named = None
    if named is not None:
        with suppress(UnicodeDecodeError):
            return parse_web_page(named.decode(data, "strict")[0].removeprefix("\ufeff"))
    text, encoding = text_of(data, path)
    return parse_web_page(text)._replace(encoding=encoding)


def _named_encoding(data: bytes) -> codecs.CodecInfo | None:
    """The encoding that a page names; None if it names none, an unknown one, or UTF-8."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codecs.lookup("utf-16")
    named = _CHARSET.search(data[:4096])
    found = named and webencodings.lookup(named[1].decode("ascii", "replace"))
    if not found or found.name in ("replacement", "utf-8", "utf-16le", "utf-16be"):
        return None
    return codecs.lookup("gb18030") if found.name == "gbk" else found.codec_info


def parse_web_page(html: str) -> Page:
    """The text of an HTML document without scripts, navigation and sidebars; of its main part, if it
    says which that is. The title is that of the only `<h1>`, else `<title>`; `lang` is that of `<html lang>`.

    >>> parse_web_page("<html lang=de-AT><title>Tee|x</title><h1>Tee</h1>Ein <b>Tee</b>blatt.<h2>Kanne</h2>")
    Page(title='Tee', text='Ein Teeblatt.\\n\\n## Kanne', lang='de', encoding='', metadata=())
    """
    tree = LexborHTMLParser(html)
    titles = (node.text() for node in tree.css("title") if node.parent is None or node.parent.tag != "svg")
    lang = (tree.root.attributes.get("lang") if tree.root else None) or ""
    marks = [mark.group(1) for mark in _NAV.finditer(html)]
    # A <nav> that is never closed holds the rest of the page: then its links stay, and so does the page.
    skipped = _SKIPPED | ({"nav"} if marks.count("") <= marks.count("/") else set())
    text = _main_text(tree, skipped)
    title = _SPACE.sub(" ", next(titles, "")).strip()
    first, _, rest = text.partition("\n\n")
    if first.startswith("# ") and "\n" not in first and len(re.findall("^# ", text, re.MULTILINE)) == 1:
        title, text = first[2:].strip(" ¶"), rest
    return Page(title, text.strip(), re.split("[-_]", lang)[0].lower())


def _main_text(tree: LexborHTMLParser, skipped: set[str]) -> str:
    """The text of the main part, or of the whole page where that part is missing or too small to be it."""
    if tree.body is None:
        return ""
    whole = _text(tree.body, skipped)
    for selector in _MAIN:
        found = [node for node in tree.css(selector) if node.tag != "body"]
        if len(found) == 1:
            text = _text(found[0], skipped)
            if len(text) >= _LEAST * len(whole):
                return text
    return whole


def _text(body: LexborNode, skipped: set[str]) -> str:
    """All text below a node; blocks, lines and cells are separated, white space is folded but in `<pre>`."""
    parts: list[str] = []
    waiting: list[tuple[LexborNode | str, bool]] = [(body, False)]
    while waiting:
        node, in_pre = waiting.pop()
        if isinstance(node, str):
            parts.append(node)
        elif node.tag == "-text":
            text = node.text(deep=False).replace("\0", "")
            parts.append(text if in_pre else _SPACE.sub(" ", text))
        elif node.tag and node.tag not in skipped and (node is body or not _is_furniture(node)):
            gap = _GAPS.get(node.tag, "")
            parts.append(gap)
            code = node.tag == "pre" and not in_pre
            if node.tag != "br":
                waiting.append((gap, False))
            if code:
                waiting.append(("\0", False))
                parts.append("\0")
            elif node.tag in _HEADINGS and not in_pre:
                parts.append(f"{_HEADINGS[node.tag]} ")
            children = list(node.iter(include_text=True))
            waiting += [(child, in_pre or code) for child in reversed(children)]
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(fenced(found[1].rstrip()) if found[1].strip() else "")
        return "\0"

    text = _GAP.sub("\n\n", _PRE.sub(keep, "".join(parts)))
    blocks = iter(kept)
    text = re.sub("\0", lambda _: next(blocks), text)
    return re.sub(r"^#+[ \n]*$\n*", "", text, flags=re.MULTILINE).strip()  # headings of nothing but a picture


def _is_furniture(node: LexborNode) -> bool:
    """Whether an element stands around the text rather than in it."""
    about = node.attributes
    if about.get("role") in _ROLES or "hidden" in about or about.get("aria-hidden") == "true":
        return True
    names = f"{about.get('class') or ''} {about.get('id') or ''}".lower().split()
    return node.tag not in ("body", "main", "article") and not _FURNITURE.isdisjoint(names)
