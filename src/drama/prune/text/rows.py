"""Rows of tokens packed without padding, by language or corpus.

Legend: R rows, L tokens.
"""

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from drama.errors import DramaError
from drama.files import atomic_folder, write_json
from drama.prune.learn.domains import Domain
from drama.prune.text.row_file import RowFile, read_rows
from drama.records import Document

_BLOCK, _INDEX = 512, "index.json"


def domain_rows(
    documents: Iterable[Document],
    tokenizer: Any,
    by: Literal["lang", "source"],
    length: int,
    seed: int,
    folder: Path,
) -> tuple[list[Domain], dict[str, int]]:
    """Packed rows by domain, and for each domain that is too small for two rows its number of texts.

    Each row begins with the tokenizer's opening, wherever in a text it starts: a model that has always seen
    BOS is lost without it.

    The texts are read once, as a stream. The rows are kept in the folder, whole or not at all, and read from
    there when it exists.

    Raises:
        DramaError: no domain has text for two rows.
    """
    if not folder.is_dir():
        files: dict[str, RowFile] = {}
        stream = iter(documents)
        with atomic_folder(folder) as partial:
            while block := list(islice(stream, _BLOCK)):
                ids = tokenizer([d.full_text for d in block], add_special_tokens=False)["input_ids"]
                for document, own in zip(block, ids, strict=True):
                    name = domain_of(document, by)
                    if name not in files:
                        files[name] = RowFile(partial / str(len(files)), length, seed, opening(tokenizer))
                    files[name].add([*own, tokenizer.eos_token_id])
            for file in files.values():
                file.close()
            write_json(partial / _INDEX, [[name, file.texts, file.rows] for name, file in files.items()])
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    found, too_small = [], {}
    for number, (name, texts, rows) in enumerate(index):
        if rows < 2:
            too_small[name] = texts
        else:
            found.append(Domain(name, *read_rows(folder / str(number), length), texts))
    if not found:
        raise DramaError(
            f"prune: the texts are too few for two rows of {length} tokens in any language or corpus",
            hint="give more text, or lower prune.recovery.max_length",
        )
    return sorted(found, key=lambda domain: domain.name), too_small


def opening(tokenizer: Any) -> list[int]:
    """Tokens that the tokenizer writes before a text: BOS, or nothing."""
    bare, whole = (list(tokenizer("x", add_special_tokens=own)["input_ids"]) for own in (False, True))
    return whole[: next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)]


def domain_of(document: Document, by: Literal["lang", "source"]) -> str:
    """The document's language or corpus; `unknown` where it names none."""
    return getattr(document, by) or "unknown"
