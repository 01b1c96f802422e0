"""Does each token of a tokenizer have a row in the model's table of embeddings?"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from drama.errors import DramaError


def table_of(config: Any) -> int | None:
    """Rows of the table of token embeddings; None where the config does not say."""
    rows = getattr(config.get_text_config(), "vocab_size", None)
    return rows if isinstance(rows, int) else None


def fit_to_table(folder: Path, tokenizer: Any, rows: int | None) -> None:
    """Remove special tokens beyond the table; refuse others there.

    Raises:
        DramaError: a text could give a token that has no row.
    """
    vocabulary: Mapping[str, int] = tokenizer.get_vocab()
    beyond = {token: i for token, i in vocabulary.items() if rows is not None and i >= rows}
    if not beyond:
        return
    added = getattr(tokenizer, "added_tokens_decoder", {})
    special = {token for token, i in beyond.items() if i in added and added[i].special}
    in_use = {getattr(tokenizer, f"{name}_token", None) for name in ("bos", "eos", "cls", "sep", "unk")}
    wrong = sorted(token for token in beyond if token not in special or token in in_use)
    if wrong or not hasattr(tokenizer, "backend_tokenizer"):
        raise DramaError(
            f"{folder}: the tokenizer has {max(beyond.values()) + 1} tokens, the model {rows}"
            f" (no row for {', '.join(map(repr, wrong[:3] or [*beyond][:3]))})",
            hint="resize_token_embeddings was not called, or the tokenizer is another model's",
        )
    _remove(tokenizer, special)


def _remove(tokenizer: Any, special: set[str]) -> None:
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    spec["added_tokens"] = [token for token in spec["added_tokens"] if token["content"] not in special]
    if tokenizer.pad_token in special:
        spec["padding"] = None
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.sep_token
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(spec))
