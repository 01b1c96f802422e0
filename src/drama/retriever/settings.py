"""The settings of a retriever. They are saved in the model folder, so that no user has to know them."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from drama.files import read_json
from drama.retriever.lexical_settings import LexicalSettings
from drama.settings import Section

SETTINGS = "drama.json"


class RetrieverSettings(Section):
    """How texts become vectors (paper, section 2: bidirectional, mean pooling, `"Query: "`).

    >>> RetrieverSettings().query_prefix
    'Query: '
    """

    query_prefix: str = "Query: "
    document_prefix: str = ""
    pooling: Literal["mean", "last"] = "mean"
    """Mean over all tokens that are not padding, or the state of the last one (EOS)."""
    bidirectional: bool = True
    max_length: int = Field(default=512, ge=4)
    """Longest text in tokens, BOS and EOS included; longer ones are cut."""
    dims: tuple[int, ...] = ()
    """Widths the model was trained at (Matryoshka), the full width among them; empty: full width only."""
    lexical: LexicalSettings | None = None
    """More dimensions, after the others, in which texts are near that share rare words; None: none."""


def read_settings(folder: Path) -> RetrieverSettings | None:
    """The settings of a retriever folder, or None if drama did not write it.

    Raises:
        FileError: drama.json is broken.
    """
    path = folder / SETTINGS
    return RetrieverSettings.parse(read_json(path), where=str(path)) if path.is_file() else None
