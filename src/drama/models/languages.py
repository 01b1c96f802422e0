"""How well a model knows a language: what it was trained on, if that is said, and how it cuts words."""

from collections.abc import Sequence
from pathlib import Path

import regex
import yaml

from drama.language.codes import normalise_language
from drama.language.words import count_words
from drama.models.catalog import CATALOG

_WORDS = regex.compile(r"\b[\p{L}\p{M}]{2,}\b")


def declared_languages(name: str, folder: Path) -> frozenset[str] | None:
    """The languages that a model is for, by the catalog or its model card; None where nothing is said, or
    that there are many.

    >>> declared_languages("all-minilm-l6-v2", Path("."))
    frozenset({'en'})
    """
    if name in CATALOG:
        return CATALOG[name].languages
    from huggingface_hub.repocard import metadata_load  # takes a while to import

    card = folder / "README.md"
    try:
        about = metadata_load(card) if card.is_file() else None
    except (ValueError, yaml.YAMLError):  # no YAML, or no UTF-8
        return None
    named = about.get("language") if about else None
    codes = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    languages = {normalise_language(str(code)) for code in codes} - {""}
    if {"multilingual", "multi"} & {*map(str, codes)}:
        return None
    return frozenset(languages) or None


def tokens_a_word(tokenizer_file: Path, texts: Sequence[str]) -> float:
    """Tokens that a tokenizer cuts a word into, on average, over the words of letters alone; 0 without any.
    A model that knows a language gets along with one or two.

    Args:
        tokenizer_file: tokenizer.json.
        texts: in one language.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    plain = [" ".join(_WORDS.findall(text)) for text in texts]
    words = sum(map(count_words, plain))
    encoded = tokenizer.encode_batch(plain, add_special_tokens=False)
    return sum(len(each.ids) for each in encoded) / words if words else 0.0
