"""Whether the models of a recipe know the languages of its corpus: said before anything is trained."""

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from drama.console import warn
from drama.corpus.passages.settings import tokenizer_in
from drama.errors import DramaError
from drama.language.words import count_words
from drama.models import resolve
from drama.models.catalog import CATALOG
from drama.models.languages import declared_languages, tokens_a_word
from drama.recipe.recipe import Recipe
from drama.records import Document, read_passages
from drama.records.sample import Reservoir
from drama.search import FITTED
from drama.servers import is_server

_SHARE, _LEAST = 0.01, 20
"""A language with less than this share of the passages, or with fewer, is not looked at."""
_MATTERS = 0.05
"""The share of passages in languages that a model knows badly from which it is said."""
_NAMED = 4
"""Languages that are named, the most frequent; an LLM's loss is measured on these."""
_TEXTS, _READ_BY_LLM, _CHARACTERS = 64, 16, 600
"""Passages of each language that are cut into tokens, those of them that an LLM reads, and how far."""
_TOKENS, _LOSS = 2.5, 1.8
"""Times the tokens, or the loss, of an English word from which a model knows a language badly."""


class Knows(NamedTuple):
    """What is known about a model and a language."""

    named: bool
    """Among the languages that the model is for, or these are not said."""
    tokens: float
    """A word."""
    loss: float
    """A word, in nats; 0 where the model is no LLM."""


def warn_of_languages(recipe: Recipe, passages: Path, counts: Mapping[str, int]) -> None:
    """Warn of languages that the parent or a teacher knows badly, and name models that know them.

    Args:
        recipe: the run's.
        passages: the corpus, each with its language.
        counts: language → passages.
    """
    total = sum(counts.values())
    least = max(_LEAST, _SHARE * total)
    frequent = sorted(counts, key=lambda lang: -counts[lang])
    languages = [lang for lang in frequent if lang not in ("", "none") and counts[lang] >= least]
    if not {*languages} - {"en"}:
        return
    texts = _samples(read_passages(passages), languages, recipe.seed)
    for name, roles in _models(recipe).items():
        known = _knowledge(name, texts, [*languages[:_NAMED], "en"] if "parent" in roles else [])
        bad = [lang for lang in languages if lang != "en" and _is_bad(known[lang], known["en"])]
        share = sum(counts[lang] for lang in bad) / total
        if share >= _MATTERS:
            told = ", ".join(f"{lang} ({_figures(known[lang])})" for lang in bad[:_NAMED])
            embeds = "teacher" in roles or not _is_llm(resolve(name))
            told += f", and {len(bad) - _NAMED} others" if len(bad) > _NAMED else ""
            if known["en"].tokens:
                told += f"; English: {_figures(known['en'])}"
            who = f"{name} ({' and '.join(roles)})"
            warn(f"languages: {who} knows {share:.0%} of the corpus badly: {told}. {_instead(bad, embeds)}")


def _models(recipe: Recipe) -> dict[str, list[str]]:
    """The models that must know the languages, with what they are used for."""
    teachers = recipe.augment.label.retrievers if recipe.train.reads_labels else []
    names = [(recipe.prune.parent, "parent"), *((name, "teacher") for name in teachers)]
    roles: dict[str, list[str]] = {}
    for name, role in names:
        if name not in FITTED and not is_server(name):
            roles.setdefault(name, []).append(role)
    return roles


def _samples(passages: Iterable[Document], languages: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Some texts of each language, and in English."""
    kept = {lang: Reservoir[str](_TEXTS, random.Random(seed)) for lang in languages}
    for passage in passages:
        if passage.lang in kept:
            kept[passage.lang].add(passage.text[:_CHARACTERS])
    texts = {lang: found.chosen for lang, found in kept.items()}
    return texts if "en" in texts else texts | {"en": _english()}


def _english() -> list[str]:
    """English prose that is here anyway: Python's reference, as `help()` shows it; nothing where the
    distribution leaves that out, and then nothing is compared with English."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return []
    return [text[:_CHARACTERS] for _, text in sorted(topics.items())[:_TEXTS]]


def _knowledge(name: str, texts: Mapping[str, Sequence[str]], by_loss: Sequence[str]) -> dict[str, Knows]:
    folder = resolve(name)
    declared = declared_languages(name, folder)
    try:
        file = tokenizer_in(folder)
        tokens = {lang: tokens_a_word(file, own) for lang, own in texts.items()}
    except DramaError:
        tokens = dict.fromkeys(texts, 0.0)
    losses = dict.fromkeys(texts, 0.0)
    if by_loss and _is_llm(folder):
        from drama.prune.load import load_causal_lm, load_tokenizer

        model, tokenizer = load_causal_lm(folder), load_tokenizer(folder)
        losses |= {lang: _loss_a_word(model, tokenizer, texts[lang][:_READ_BY_LLM]) for lang in by_loss}
    return {lang: Knows(declared is None or lang in declared, tokens[lang], losses[lang]) for lang in texts}


def _is_llm(folder: Path) -> bool:
    from drama.models.open import open_config  # imports torch
    from drama.prune.encoder import is_encoder

    return not is_encoder(open_config(folder))


def _loss_a_word(model: Any, tokenizer: Any, texts: Sequence[str]) -> float:
    """The sum of an LM's losses over the tokens of some texts, divided by their words."""
    from drama.prune.learn.losses import held_out_loss

    total, words = 0.0, 0
    for text in texts:
        ids_1L = tokenizer(text, return_tensors="pt")["input_ids"]
        predicted = ids_1L.shape[1] - 1
        if predicted > 0:
            total += held_out_loss(model, ids_1L) * predicted
            words += count_words(text)
    return total / max(1, words)


def _is_bad(known: Knows, english: Knows) -> bool:
    return (
        not known.named
        or known.tokens > _TOKENS * english.tokens > 0
        or known.loss > _LOSS * english.loss > 0
    )


def _figures(known: Knows) -> str:
    loss = f", loss {known.loss:.1f}" if known.loss else ""
    return f"{known.tokens:.1f} tokens{loss} a word"


def _instead(languages: Sequence[str], embeds: bool) -> str:
    """The models of the catalog that know these languages: embedding models, or LLMs."""
    found = [
        name
        for name, entry in CATALOG.items()
        if entry.embeds == embeds and (entry.languages is None or {*languages} <= entry.languages)
    ]
    recipe = " (`drama run adapt-multilingual`)" if embeds else ""
    if not found:
        return "Name a model that knows them (prune.parent, augment.label.retrievers)"
    return f"Models that would fit: {', '.join(found)}{recipe}"
