"""PDF as text, by pypdf."""

import io
import logging
import re
from pathlib import Path

from drama.corpus.readers.page import Page, UnreadableError, read_bytes

_HYPHEN = re.compile(r"(?<=\w\w)[-\u00ad]\n(?=[a-zà-öø-ÿß-ÿа-я]{2})")
_NO_TITLE = re.compile(
    r"\.(docx?|pdf|tex|dvi|indd|odt|html?)$|^(microsoft word|untitled|unknown|slide 1$|\W*$)", re.IGNORECASE
)
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "\x00": "", "\u00a0": " "}
)


def read_pdf(path: Path) -> Page:
    """Read a PDF; words that were hyphenated at the end of a line are joined. The title is the document's.

    Raises:
        UnreadableError: damaged, with a password, or without text, as scans are.
    """
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    data = read_bytes(path)
    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and not reader.decrypt("")
    except Exception as error:  # pypdf lets every kind through
        raise _damaged(path, error) from None
    if locked:
        raise UnreadableError(path, "locked with a password")
    try:
        pages = [page.extract_text() for page in reader.pages]
        title = " ".join(str((reader.metadata and reader.metadata.title) or "").split())
        lang = str(reader.root_object.get("/Lang", "") or "")
    except Exception as error:
        raise _damaged(path, error) from None
    text = _HYPHEN.sub("", "\n\n".join(page.strip() for page in pages).translate(_LIGATURES)).strip()
    text = "".join(character for character in text if not "\ud800" <= character <= "\udfff")
    if not text:
        about = f"{len(pages)} pages, scanned?"
        raise UnreadableError(path, "a PDF without text", about, hint="OCR makes text of it")
    language = re.split("[-_]", lang)[0].lower()
    known = language if re.fullmatch("[a-z]{2,3}", language) else ""
    return Page("" if _NO_TITLE.search(title) else title, text, known)


def _damaged(path: Path, error: Exception) -> UnreadableError:
    about = str(error).partition("\n")[0][:80]
    if "cryptography" in about or "AES" in about:
        return UnreadableError(path, "encrypted with AES", hint="pip install cryptography")
    return UnreadableError(path, "damaged", f"not a PDF that can be read: {about or type(error).__name__}")
