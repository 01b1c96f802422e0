"""The text of an HTML page: its visible words, blocks separated by blank lines."""

import codecs
import re
from pathlib import Path

import webencodings
from selectolax.lexbor import LexborHTMLParser, LexborNode

from drama.corpus.readers.page import Page
from drama.errors import FileError
from drama.files.compression import open_bytes
from drama.files.reading import decode

_SKIPPED = {"script", "style", "template", "noscript", "svg", "title"}
_BLOCKS = set(
    """address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section summary table tr ul""".split()  # noqa: SIM905
)
_GAPS = dict.fromkeys(_BLOCKS, "\n\n") | {"br": "\n", "td": " ", "th": " "}
_CHARSET = re.compile(rb"""<meta[^>]*charset\s*=\s*["']?\s*([^\s"'/>;]+)""", re.IGNORECASE)
_NAV = re.compile(r"<(/?)nav\b", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_GAP = re.compile(r" *\n *\n\s*")


def read_web_page(path: Path) -> Page:
    """Read an HTML file: UTF-8, or the encoding that its byte order mark or its `<meta charset>` names, as
    browsers understand the name (WHATWG: `gb2312` is GB 18030, `iso-8859-1` is Windows-1252).

    Raises:
        FileError: damaged, or in none of these.
    """
    with open_bytes(path) as handle:
        data = handle.read()
    try:
        return parse_web_page(decode(data, path))
    except FileError as error:
        encoding = _named_encoding(data)
        if encoding is None:
            raise FileError(path, "not UTF-8, and no other encoding is named", hint=error.hint) from None
    try:
        return parse_web_page(encoding.decode(data, "strict")[0].removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        problem = f"neither UTF-8 nor {encoding.name}, which it names (byte {error.start + 1})"
        raise FileError(path, problem, hint="convert it to UTF-8") from None


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
    """The text of an HTML document without scripts, styles and navigation; `lang` is that of `<html lang>`.

    >>> parse_web_page("<html lang=de-AT><title>Tee</title><h1>Kräuter</h1><p>Ein <b>Tee</b>blatt.<script>x")
    Page(title='Tee', text='Kräuter\\n\\nEin Teeblatt.', lang='de')
    """
    tree = LexborHTMLParser(html)
    titles = (node.text() for node in tree.css("title") if node.parent is None or node.parent.tag != "svg")
    lang = (tree.root.attributes.get("lang") if tree.root else None) or ""
    marks = [mark.group(1) for mark in _NAV.finditer(html)]
    # A <nav> that is never closed holds the rest of the page: then its links stay, and so does the page.
    skipped = _SKIPPED | ({"nav"} if marks.count("") <= marks.count("/") else set())
    text = _GAP.sub("\n\n", _text(tree.body, skipped)).strip() if tree.body else ""
    return Page(_SPACE.sub(" ", next(titles, "")).strip(), text, re.split("[-_]", lang)[0].lower())


def _text(body: LexborNode, skipped: set[str]) -> str:
    """All text below a node; blocks, lines and cells are separated, white space is folded but in `<pre>`."""
    parts: list[str] = []
    waiting: list[tuple[LexborNode | str, bool]] = [(body, False)]
    while waiting:
        node, in_pre = waiting.pop()
        if isinstance(node, str):
            parts.append(node)
        elif node.tag == "-text":
            text = node.text(deep=False)
            parts.append(text if in_pre else _SPACE.sub(" ", text))
        elif node.tag and node.tag not in skipped:
            gap = _GAPS.get(node.tag, "")
            parts.append(gap)
            if node.tag != "br":
                waiting.append((gap, False))
            children = list(node.iter(include_text=True))
            waiting += [(child, in_pre or node.tag == "pre") for child in reversed(children)]
    return "".join(parts)
