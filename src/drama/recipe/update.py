"""A finished run's index follows its corpus: what is new is encoded, nothing is trained."""

import hashlib
from collections import Counter
from collections.abc import Container
from pathlib import Path
from typing import Any, NamedTuple

from drama import corpus
from drama.console import note
from drama.errors import DramaError, FileError
from drama.files import writing
from drama.language.terms import analyse
from drama.recipe.recipe import load_recipe
from drama.recipe.run import with_lengths
from drama.records import Passages
from drama.search.stage import index_corpus, search_examples
from drama.workspace import read_manifest
from drama.workspace.runs import RECIPE

_NEW_WORDS, _NEW_LANGUAGE = 0.1, 0.05
"""Shares from which training again is worth a thought: of words in added text, and of added documents."""
_FEW = 0.1
"""Share of the corpus below which added documents are too few for that."""


class Change(NamedTuple):
    """What became of the corpus, in documents."""

    new: int
    changed: int
    deleted: int
    unchanged: int
    words_not_seen: float
    """Share of the running words of new and changed documents that the indexed corpus did not hold; 0 where
    these are less than a tenth of the corpus."""
    languages: dict[str, int]
    """New and changed documents in languages that the indexed corpus did not have."""

    @property
    def added(self) -> float:
        """New and changed documents as a share of the corpus."""
        return (self.new + self.changed) / max(1, self.new + self.changed + self.unchanged)

    def retrain(self) -> str:
        """Why training again would be worth it; empty where it would not."""
        added = self.new + self.changed
        found = [
            f"{n} added documents are in {lang}, which the corpus did not have"
            for lang, n in self.languages.items()
            if n >= max(2, _NEW_LANGUAGE * added)
        ]
        if self.added >= _FEW and self.words_not_seen >= _NEW_WORDS:
            found.insert(0, f"{self.words_not_seen:.0%} of the words in added documents are new")
        return "; ".join(found)


def update_run(run: Path, inputs: list[str]) -> Change:
    """Read a run's corpus again and bring its index up to it; the model stays.

    Args:
        run: the folder of a finished run.
        inputs: where the documents are now; none: where the recipe says.

    Raises:
        DramaError: not a finished run, or a mistake in the inputs; the index is then as it was.
    """
    if not (run / RECIPE).is_file():
        raise FileError(run, f"holds no {RECIPE}", hint="give the folder of a run")
    for stage in ("train", "index"):
        found = read_manifest(run / stage)
        if found is None or found.status != "complete":
            raise FileError(run, f"its stage '{stage}' is not complete", hint=f"run `drama run {run}` first")
    overrides = [f"corpus.inputs={inputs}"] if inputs else []
    recipe = with_lengths(load_recipe(run / RECIPE, overrides))
    if "python-docs" in recipe.corpus.inputs and len(recipe.corpus.inputs) == 1:
        raise DramaError(f"{run}: its corpus is Python's own documentation, which does not change")
    with writing(run):
        before = _Seen(Passages(run / "index" / "documents.parquet"))
        updated = read_manifest(run / "update")
        earlier = run / ("update" if updated is not None and updated.status == "complete" else "corpus")
        corpus.build_corpus(recipe.corpus, run / "update", recipe.seed, earlier)
        passages = run / "update" / "passages.parquet"
        change = before.change(Passages(passages))
        store = run / "embeddings"
        index_corpus(recipe.index, run / "train" / "model", passages, run / "index", store)
        search_examples(recipe.search, run / "index", run / "search")
    note(
        f"update: {change.new:,} new documents, {change.changed:,} changed, {change.deleted:,} deleted, "
        f"{change.unchanged:,} as they were"
    )
    if why := change.retrain():
        note(f"update: training again may be worth it: {why}. `drama run {run}` does it")
    return change


class _Seen:
    """The documents of an index by a hash of their passages, and their languages."""

    def __init__(self, passages: Passages) -> None:
        self._passages = passages
        self._hashes, languages = _documents(passages)
        self._languages = {*languages.values()}

    def change(self, passages: Passages) -> Change:
        """What other passages change."""
        now, languages = _documents(passages)
        old = self._hashes
        new = now.keys() - old.keys()
        changed = {i for i in now.keys() & old.keys() if now[i] != old[i]}
        added = new | changed
        others = Counter(languages[i] for i in added if languages[i] not in self._languages)
        change = Change(
            len(new), len(changed), len(old.keys() - now.keys()), len(now) - len(added), 0.0, dict(others)
        )
        if change.added < _FEW:
            return change
        return change._replace(words_not_seen=self._words_not_seen(passages, added))

    def _words_not_seen(self, passages: Passages, added: Container[str]) -> float:
        seen = {term for p in self._passages for term in analyse(p.full_text, p.lang)}
        terms = [t for p in passages if p.whole_id in added for t in analyse(p.full_text, p.lang)]
        return sum(term not in seen for term in terms) / max(1, len(terms))


def _documents(passages: Passages) -> tuple[dict[str, bytes], dict[str, str]]:
    """Document → a hash of its passages; document → its language."""
    hashes: dict[str, Any] = {}
    languages: dict[str, str] = {}
    for passage in passages:
        digest = hashes.setdefault(passage.whole_id, hashlib.blake2b(digest_size=12))
        digest.update(f"{passage.title}\0{passage.text}\0{passage.metadata}\0".encode(errors="surrogatepass"))
        languages[passage.whole_id] = passage.lang
    return {i: digest.digest() for i, digest in hashes.items()}, languages
