"""Jupyter notebooks: their prose and code, without outputs."""

from pathlib import Path
from typing import Any

from drama.corpus.readers.markup import markdown
from drama.corpus.readers.page import Page, UnreadableError, fenced, read_bytes, text_of
from drama.files.reading import parse_json


def read_notebook(path: Path) -> Page:
    """Read a notebook: Markdown cells as such, code fenced; outputs, which runs change, are left out.

    Raises:
        UnreadableError: damaged, or not a notebook.
    """
    text, encoding = text_of(read_bytes(path), path)
    try:
        book = parse_json(text)
        return notebook(book)._replace(encoding=encoding)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableError(path, "not a notebook", str(error)[:80]) from None


def notebook(book: dict[str, Any]) -> Page:
    """The page of a notebook's JSON (nbformat 3 and 4).

    >>> cells = [{"cell_type": "markdown", "source": ["# Tea"]}, {"cell_type": "code", "source": "boil()"}]
    >>> notebook({"cells": cells})
    Page(title='Tea', text='```\\nboil()\\n```', lang='', encoding='', metadata=())
    """
    about = book.get("metadata", {})
    language = about.get("language_info", about.get("kernelspec", {})).get("name", "")
    language = "python" if language.startswith("python") else language
    cells = book["cells"] if "cells" in book else [c for sheet in book["worksheets"] for c in sheet["cells"]]
    parts = []
    for cell in cells:
        source = cell.get("source", cell.get("input", ""))
        source = source if isinstance(source, str) else "".join(source)
        if source.strip():
            parts.append(fenced(source, language) if cell["cell_type"] == "code" else source)
    page = markdown("\n\n".join(parts))
    title = about.get("title", "")
    return page._replace(title=title) if title and isinstance(title, str) else page
