"""A corpus that every machine with Python has: its language reference and the standard library's docstrings.

The library's sources are parsed, not imported: none of its code runs. Judged queries are known items: the
first sentence of a docstring asks for the rest of that entry. The sentence is cut out of the passage, and
an entry qualifies only if its sentence occurs nowhere else in the corpus. The title stays: an entry's
qualified name is what a reader of the documentation would see too.
"""

import ast
import importlib
import inspect
import random
import re
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from drama.errors import DramaError
from drama.language.sentences import split_sentences
from drama.records import Document, Qrels, Query

SOURCE = "python-docs"
_MAX_WORDS = 60
_MIN_WORDS = 8
_QUERY_WORDS = (5, 30)
_REST_WORDS = 12
_SKIPPED = {"antigravity", "this", "idlelib", "lib2to3", "test", "turtledemo", "tkinter", "ensurepip"}
_SPACE = re.compile(r"\s+")


class KnownItems(NamedTuple):
    """Passages, queries each of which has one right passage, and what was left out, by outcome."""

    documents: list[Document]
    queries: list[Query]
    qrels: Qrels
    dropped: Counter[str]


def python_docs(limit: int | None, queries: int, seed: int) -> KnownItems:
    """Build the corpus and its known items; the same on every machine with the same Python.

    Args:
        limit: at most this many passages; those that are answers are always kept.
        queries: how many known items; with a limit at most half of it, so that there is something to miss.
        seed: for both choices.

    Raises:
        DramaError: this Python has no library sources.
    """
    entries, dropped = _docstrings()
    dropped = dropped.copy()
    if not entries:
        raise DramaError(
            "python-docs: this Python has no library sources", hint="name another input in corpus.inputs"
        )
    rng = random.Random(seed)
    topics = list(_topics(dropped))
    judged = _choose(entries, topics, queries if limit is None else min(queries, limit // 2), rng)
    documents, found, qrels = [], [], {}
    for name, text in entries.items():
        if name in judged:
            sentence, rest = judged[name]
            found.append(Query(f"known-{name}", sentence, "en"))
            qrels[f"known-{name}"] = {name: 1}
            documents.append(Document(name, name, _cut(rest), "en", SOURCE))
        else:
            documents.append(Document(name, name, _cut(text), "en", SOURCE))
    documents += topics
    if limit is not None and len(documents) > limit:
        spare = [i for i, d in enumerate(documents) if d.id not in judged]
        kept = {*rng.sample(spare, limit - len(judged))}
        dropped["not in the sample"] += len(documents) - limit
        documents = [d for i, d in enumerate(documents) if d.id in judged or i in kept]
    return KnownItems(documents, found, qrels, dropped)


def release_file() -> Path:
    """A file that changes with every release of Python: its bytes identify the documentation."""
    return Path(inspect.getfile(importlib.import_module("pydoc_data.topics")))


def _choose(
    entries: dict[str, str], topics: list[Document], wanted: int, rng: random.Random
) -> dict[str, tuple[str, str]]:
    """Entry → (first sentence, rest), for a seeded choice of entries that qualify."""
    everything = "\n".join([*map(_fold, entries.values()), *(_fold(d.text) for d in topics)])
    qualified = {}
    for name, text in entries.items():
        sentences = split_sentences(_SPACE.sub(" ", text), "en")
        if len(sentences) < 2:
            continue
        first, rest = sentences[0], " ".join(sentences[1:])
        words = len(first.split())
        if not _QUERY_WORDS[0] <= words <= _QUERY_WORDS[1] or len(rest.split()) < _REST_WORDS:
            continue
        if everything.count(_fold(first)) == 1:
            qualified[name] = first, rest
    chosen = rng.sample(sorted(qualified), min(wanted, len(qualified)))
    return {name: qualified[name] for name in chosen}


@cache
def _docstrings() -> tuple[dict[str, str], Counter[str]]:
    """Qualified name → docstring, of the library's public modules, classes and functions; what was left out.

    Parsing takes seconds and its result can't change while a process runs.
    """
    library = Path(sysconfig.get_paths()["stdlib"])
    entries: dict[str, str] = {}
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    for module in sorted(sys.stdlib_module_names - _SKIPPED):
        if module.startswith("_"):
            continue
        package = library / module
        files = sorted(package.rglob("*.py")) if package.is_dir() else [library / f"{module}.py"]
        for file in files:
            relative = file.relative_to(library).with_suffix("")
            if not file.is_file() or any(p.startswith("test") or p in _SKIPPED for p in relative.parts):
                continue
            name = ".".join(p for p in relative.parts if p != "__init__")
            try:
                tree = ast.parse(file.read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError):  # sample files that are not meant to parse
                dropped["source file that does not parse, left out"] += 1
                continue
            for qualified, text in _in_module(tree, name):
                if _is_new(text, _fold(text), seen, dropped):
                    entries[qualified] = text
    return entries, dropped


def _in_module(tree: ast.Module, name: str) -> Iterator[tuple[str, str]]:
    """(qualified name, docstring) of a module and its public classes and functions."""
    names: set[str] = set()
    stack: list[tuple[ast.AST, str]] = [(tree, name)]
    while stack:
        node, qualified = stack.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and qualified not in names:
                names.add(qualified)
                yield qualified, inspect.cleandoc(text)
        for child in reversed(list(ast.iter_child_nodes(node))):
            inner = getattr(child, "name", "")
            is_definition = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_definition and not inner.startswith("_") and not inside:
                stack.append((child, f"{qualified}.{inner}"))


def _topics(dropped: Counter[str]) -> Iterator[Document]:
    """The language reference in pieces of whole paragraphs, each piece at most 60 words."""
    topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    seen: set[str] = set()
    for name, text in sorted(topics.items()):
        for number, piece in enumerate(_pieces(text)):
            if _is_new(piece, piece, seen, dropped):
                yield Document(f"topic:{name}-{number}", name, piece, "en", SOURCE)


def _is_new(text: str, key: str, seen: set[str], dropped: Counter[str]) -> bool:
    """Whether a text is long enough, and no earlier one has its key; counts the others."""
    if len(text.split()) < _MIN_WORDS:
        dropped["too short, left out"] += 1
        return False
    if key in seen:
        dropped["exact duplicate, left out"] += 1
        return False
    seen.add(key)
    return True


def _pieces(text: str) -> Iterator[str]:
    """Paragraphs combined up to the limit; a longer one is cut."""
    held: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        words = paragraph.split()
        if set(paragraph.strip()) <= set("*=-~^"):
            continue
        if held and len(held) + len(words) > _MAX_WORDS:
            yield " ".join(held)
            held = []
        held += words
        if len(held) >= _MAX_WORDS:
            yield " ".join(held[:_MAX_WORDS])
            held = []
    if held:
        yield " ".join(held)


def _cut(text: str) -> str:
    return " ".join(text.split()[:_MAX_WORDS])


def _fold(text: str) -> str:
    return _SPACE.sub(" ", text).strip().lower()
