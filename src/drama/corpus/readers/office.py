"""Word documents, by mammoth, and EPUB books."""

import io
import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from drama.corpus.readers.page import Page, UnreadableError, read_bytes, text_of
from drama.corpus.readers.web_page import parse_web_page

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""Word's format before .docx, and the envelope of a .docx with a password."""
_DC = "{http://purl.org/dc/elements/1.1/}"
_MOST = 2**30
"""Bytes that the parts of a file may unpack to."""


def read_docx(path: Path) -> Page:
    """Read a Word document; title and language are those of its properties.

    Raises:
        UnreadableError: damaged, or with a password.
    """
    import mammoth

    data = read_bytes(path)
    archive = _archive(data, path)
    try:
        # Pictures would come as base64.
        no_pictures = mammoth.images.img_element(lambda _: {})
        html = mammoth.convert_to_html(io.BytesIO(data), convert_image=no_pictures)
        title, lang = _properties(archive, "docProps/core.xml")
    except Exception as error:  # mammoth lets every kind through
        raise UnreadableError(path, "damaged", f"{type(error).__name__}: {error}"[:80]) from None
    page = parse_web_page(html.value)
    return Page(title or page.title, page.text, lang)


def read_epub(path: Path) -> Page:
    """Read a book: the chapters in their order.

    Raises:
        UnreadableError: damaged, or protected.
    """
    archive = _archive(read_bytes(path), path)
    if "META-INF/rights.xml" in archive.namelist():
        raise UnreadableError(path, "locked with a password", "a protected book")
    try:
        container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
        package = next(str(e.get("full-path")) for e in container.iter() if e.tag.endswith("}rootfile"))
        title, lang = _properties(archive, package)
        chapters = [parse_web_page(html) for html in _chapters(archive, package, path)]
    except (KeyError, StopIteration, zipfile.BadZipFile, ElementTree.ParseError, OSError) as error:
        raise UnreadableError(path, "damaged", f"not an EPUB: {error}"[:80]) from None
    parts = [f"# {c.title}\n\n{c.text}" if c.title else c.text for c in chapters if c.text]
    return Page(title, "\n\n".join(parts), lang)


def _archive(data: bytes, path: Path) -> zipfile.ZipFile:
    if data.startswith(_OLE):
        raise UnreadableError(path, "locked with a password", "or in the format of Word 97")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        raise UnreadableError(path, "damaged", "not a zip archive, which it should be") from None
    if sum(part.file_size for part in archive.infolist()) > _MOST:
        raise UnreadableError(path, "unpacks to more than a gigabyte")
    return archive


def _properties(archive: zipfile.ZipFile, name: str) -> tuple[str, str]:
    """Title and language in the Dublin Core elements of a part."""
    if name not in archive.namelist():
        return "", ""
    tree = ElementTree.fromstring(archive.read(name))
    title, lang = (" ".join((tree.findtext(f".//{_DC}{n}") or "").split()) for n in ("title", "language"))
    return title, lang


def _chapters(archive: zipfile.ZipFile, package: str, path: Path) -> Iterator[str]:
    tree = ElementTree.fromstring(archive.read(package))
    items = {str(e.get("id")): e for e in tree.iter() if e.tag.endswith("}item")}
    for place in (e for e in tree.iter() if e.tag.endswith("}itemref")):
        item = items.get(str(place.get("idref")))
        if item is None or "html" not in str(item.get("media-type")) or "nav" in str(item.get("properties")):
            continue
        name = posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(str(item.get("href")))))
        yield text_of(archive.read(name), path)[0]
