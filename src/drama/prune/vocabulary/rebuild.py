"""The same tokenizer with fewer tokens, renumbered in their old order."""

import tempfile
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from drama.errors import DramaError
from drama.files import read_json, write_json
from drama.prune.vocabulary.keep import merges_of


def smaller_tokenizer(tokenizer: Any, spec: dict[str, Any], kept: list[int]) -> Any:
    """A tokenizer whose token i is the old one's token kept[i].

    Args:
        tokenizer: a fast tokenizer of transformers.
        spec: the contents of its `tokenizer.json`.
        kept: ids that stay, in rising order, with the parts of all their merges.

    Raises:
        DramaError: the rebuilt tokenizer has other ids.
    """
    number = {old: new for new, old in enumerate(kept)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer.save_pretrained(folder)
        write_json(folder / "tokenizer.json", _smaller_spec(spec, number))
        settings = read_json(folder / "tokenizer_config.json")
        settings.pop("added_tokens_decoder", None)  # holds the old numbers; tokenizer.json has the new ones
        write_json(folder / "tokenizer_config.json", settings)
        for old_vocabulary in ("vocab.json", "merges.txt", "tokenizer.model"):
            (folder / old_vocabulary).unlink(missing_ok=True)
        smaller = AutoTokenizer.from_pretrained(folder)
    if smaller.convert_ids_to_tokens(range(len(kept))) != tokenizer.convert_ids_to_tokens(kept):
        raise DramaError(
            "prune.vocabulary: this tokenizer can't be rebuilt with fewer tokens",
            hint="leave prune.vocabulary out",
        )
    return smaller


def _smaller_spec(spec: dict[str, Any], number: dict[int, int]) -> dict[str, Any]:
    model = spec["model"]
    vocabulary = {t: number[i] for t, i in sorted(model["vocab"].items(), key=lambda x: x[1]) if i in number}
    merges = [[a, b] for a, b in merges_of(spec) if {a, b, a + b} <= vocabulary.keys()]
    return {
        **spec,
        "truncation": None,
        "padding": None,
        "added_tokens": [{**a, "id": number[a["id"]]} for a in spec["added_tokens"]],
        "post_processor": _renumbered(spec["post_processor"], number),
        "model": {**model, "vocab": vocabulary, "merges": merges},
    }


def _renumbered(processor: Any, number: dict[int, int]) -> Any:
    """Post-processors refer to the special tokens that they add by id as well."""
    if not isinstance(processor, dict):
        return processor
    new = dict(processor)
    if "processors" in new:
        new["processors"] = [_renumbered(p, number) for p in new["processors"]]
    if "special_tokens" in new:
        new["special_tokens"] = {
            name: {**entry, "ids": [number[i] for i in entry["ids"]]}
            for name, entry in new["special_tokens"].items()
        }
    for side in ("sep", "cls"):
        if side in new:
            new[side] = [new[side][0], number[new[side][1]]]
    return new
