"""Documents as office programs make them."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

TITLE = "Tea and pots"
TEXT = "Green tea is not fermented."


def _pdf(path: Path, password: str = "") -> None:
    from fpdf import FPDF

    page = FPDF()
    page.add_page()
    page.set_font("helvetica", size=12)
    page.set_title(TITLE)
    page.multi_cell(0, 8, f"{TEXT}\nIt is stea-\nmed instead.")
    if password:
        page.set_encryption("owner", password)
    page.output(str(path))


def _locked(path: Path) -> None:
    _pdf(path, "secret")


def _scan(path: Path) -> None:
    from fpdf import FPDF

    page = FPDF()
    page.add_page()
    page.rect(10, 10, 50, 50)
    page.output(str(path))


def _docx(path: Path) -> None:
    from docx import Document

    document = Document()
    document.core_properties.title = TITLE
    document.core_properties.language = "en-GB"
    document.add_heading("Leaves", 1)
    document.add_paragraph(TEXT)
    document.add_heading("Pots", 1)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "iron", "clay"
    document.save(str(path))


def _epub(path: Path) -> None:
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{TITLE}</dc:title>'
        "<dc:language>en-GB</dc:language></metadata><manifest>"
        '<item id="b" href="b%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
        "OEBPS/b b.xhtml": "<html><body><h1>Pots</h1><p>iron clay</p></body></html>",
        "OEBPS/a.xhtml": f"<html><body><h1>Leaves</h1><p>{TEXT}</p></body></html>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


MADE = {"pdf": _pdf, "locked": _locked, "scan": _scan, "docx": _docx, "epub": _epub}


@pytest.fixture(scope="session")
def made() -> Callable[[str, Path], None]:
    """Makes a document of a kind at a path."""
    return lambda kind, path: MADE[kind](path)
