"""Cuts the vocabulary of a parent before it is pruned. The rest of the stage sees a parent with fewer tokens,
whose hidden states and remaining logits are the same.

Legend: V tokens, U of them stay, D hidden.
"""

import copy
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from drama.console import note
from drama.errors import DramaError
from drama.files.checksums import read_sealed_json, write_sealed_json
from drama.prune.load import load_causal_lm, load_tokenizer, save_causal_lm
from drama.prune.surgery.plan import AGAIN
from drama.prune.text.corpus import Corpus
from drama.prune.vocabulary.keep import frequent_by_language, kept_tokens
from drama.prune.vocabulary.rebuild import smaller_tokenizer
from drama.prune.vocabulary.settings import VocabularySettings

_BLOCK = 512


def cut_parent(folder: Path, settings: VocabularySettings, corpus: Corpus, out: Path) -> dict[str, Any]:
    """Leave in `out` the model with the tokens that the corpus needs; returns figures about them.

    Raises:
        DramaError: a tokenizer whose vocabulary can't be cut.
    """
    record = out.with_name("vocabulary.json")
    if not out.is_dir():
        note("prune: cutting the vocabulary")
        model, tokenizer, figures = cut_vocabulary(
            load_causal_lm(folder),
            load_tokenizer(folder),
            corpus.named_texts,
            settings.coverage,
            corpus.settings.leave_out,
        )
        write_sealed_json(record, figures)
        save_causal_lm(out, model, tokenizer)
    return read_sealed_json(record, hint=AGAIN)


def cut_vocabulary(
    model: Any,
    tokenizer: Any,
    texts: Callable[[], Iterable[tuple[str, str]]],
    coverage: float,
    unread: Collection[str] = (),
) -> tuple[Any, Any, dict[str, Any]]:
    """A causal LM and a tokenizer with the tokens that the texts need, and figures about them.

    Any text can still be tokenised: bytes, special tokens and all parts of kept merges stay.

    Args:
        model: a causal LM; it is not changed.
        tokenizer: its tokenizer.
        texts: iterates over (language, text); called twice.
        coverage: share of each language's tokens that stays by frequency, above 0 and at most 1.
        unread: languages whose tokens are not counted; their tokens a word are reported like the others'.

    Raises:
        DramaError: not a BPE tokenizer that falls back on bytes.
    """
    spec = _bpe(tokenizer)
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    before = _tokens_per_word(tokenizer, texts(), counts, unread)
    frequent = frequent_by_language(counts, coverage)
    kept = kept_tokens(spec, sorted(set().union(*frequent.values())))
    smaller = smaller_tokenizer(tokenizer, spec, kept)
    child = _with_rows(model, kept)
    saved = sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in child.parameters())
    figures = {
        "vocabulary_parent": model.config.vocab_size,
        "vocabulary_kept": len(kept),
        "vocabulary_frequent": {language: len(own) for language, own in frequent.items()},
        "vocabulary_parameters_saved": saved,
        "tokens_per_word_parent": before,
        "tokens_per_word_kept": _tokens_per_word(smaller, texts(), defaultdict(Counter), unread),
    }
    return child, smaller, figures


def _tokens_per_word(
    tokenizer: Any, texts: Iterable[tuple[str, str]], counts: dict[str, Counter[int]], unread: Collection[str]
) -> dict[str, float]:
    """By language. Adds to `counts` how often the languages that are read use each token."""
    tokens: Counter[str] = Counter()
    words: Counter[str] = Counter()
    stream = iter(texts)
    while block := list(islice(stream, _BLOCK)):
        found = tokenizer([text for _, text in block], add_special_tokens=False)["input_ids"]
        for (language, text), ids in zip(block, found, strict=True):
            if language not in unread:
                counts[language].update(ids)
            tokens[language] += len(ids)
            words[language] += len(text.split())
    return {name: round(count / max(words[name], 1), 4) for name, count in sorted(tokens.items())}


def _bpe(tokenizer: Any) -> dict[str, Any]:
    """The tokenizer's `tokenizer.json`."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    spec: dict[str, Any] = json.loads(backend.to_str()) if backend is not None else {"model": {}}
    model = spec["model"]
    bytewise = model.get("byte_fallback") or '"ByteLevel"' in json.dumps(spec.get("pre_tokenizer"))
    if model.get("type") != "BPE" or not bytewise:
        raise DramaError(
            "prune.vocabulary: only BPE tokenizers that fall back on bytes can be cut",
            hint="leave prune.vocabulary out",
        )
    return spec


def _with_rows(model: Any, kept: list[int]) -> Any:
    """The model with these rows of its token table and LM head, and with special tokens renumbered."""
    number = {old: new for new, old in enumerate(kept)}
    rows_U = torch.tensor(kept)
    config = _renumbered(model.config, number)
    config.vocab_size = len(kept)
    child = type(model)(config)
    tables = ("model.embed_tokens.weight", "lm_head.weight")
    child.load_state_dict({n: t[rows_U] if n in tables else t for n, t in model.state_dict().items()})
    child.generation_config = _renumbered(model.generation_config, number)
    return child.eval()


def _renumbered(config: Any, number: dict[int, int]) -> Any:
    """A copy in which `bos_token_id` and the like have their new ids; None where the token was removed."""
    new = copy.deepcopy(config)
    for name, value in config.to_dict().items():
        if name.endswith("_token_id") and isinstance(value, int):
            setattr(new, name, number.get(value))
        elif name.endswith("_token_id") and isinstance(value, list):
            setattr(new, name, [number[i] for i in value if i in number])
    return new
