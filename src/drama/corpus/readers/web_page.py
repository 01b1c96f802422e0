"""The text of an HTML file: its visible words, blocks parted by blank lines."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from drama.errors import FileError

_SKIPPED = {"script", "style", "template", "noscript", "svg", "nav"}
_BLOCKS = set(
    """address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section summary table tr ul""".split()  # noqa: SIM905
)
_CELLS = {"td", "th"}
_CHARSET = re.compile(rb"""<meta[^>]*charset=["']?([\w-]+)""", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_GAP = re.compile(r" *\n *\n\s*")


class WebPage(NamedTuple):
    """What an HTML file says; `lang` is what its `<html lang>` names."""

    title: str
    text: str
    lang: str


def read_web_page(path: Path) -> WebPage:
    """Read an HTML file. Scripts, styles and navigation (`<nav>`) are left out.

    Raises:
        FileError: neither UTF-8 nor in the encoding that its `<meta charset>` names.
    """
    data = path.read_bytes()
    named = _CHARSET.search(data[:4096])
    for encoding in ("utf-8-sig", named.group(1).decode() if named else ""):
        try:
            return parse_web_page(data.decode(encoding))
        except (UnicodeDecodeError, LookupError):
            continue
    raise FileError(path, "not UTF-8, and no other encoding is named that fits", hint="convert it to UTF-8")


def parse_web_page(html: str) -> WebPage:
    """The text of an HTML document.

    >>> parse_web_page("<html lang=de-AT><title>Tee</title><h1>Kräuter</h1><p>Ein <b>Tee</b>blatt.<script>x")
    WebPage(title='Tee', text='Kräuter\\n\\nEin Teeblatt.', lang='de')
    """
    parser = _Reader()
    parser.feed(html)
    parser.close()
    text = _GAP.sub("\n\n", "".join(parser.parts)).strip()
    return WebPage(_SPACE.sub(" ", parser.title).strip(), text, parser.lang)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.title, self.lang = "", ""
        self._skipped = 0
        self._in_title = self._in_pre = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.lang = re.split("[-_]", dict(attrs).get("lang") or "")[0].lower()
        self._switch(tag, True)

    def handle_endtag(self, tag: str) -> None:
        self._switch(tag, False)

    def _switch(self, tag: str, opens: bool) -> None:
        if tag in _SKIPPED:
            self._skipped = max(0, self._skipped + (1 if opens else -1))
        elif tag == "title":
            self._in_title = opens and not self._skipped  # an <svg> has titles of its own
        if tag == "pre":
            self._in_pre = opens
        if tag in _BLOCKS:
            self.parts.append("\n\n")
        elif tag == "br" or tag in _CELLS:
            self.parts.append("\n" if tag == "br" else " ")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._skipped:
            self.parts.append(data if self._in_pre else _SPACE.sub(" ", data))
