"""The LLM retriever's improvement round: an LLM's preferences added to judged queries (paper, section 3)."""

import random
from itertools import chain
from pathlib import Path

from drama.augment.kinds import RERANK
from drama.errors import FileError
from drama.records import Example, read_examples, read_passages, write_examples, write_passages
from drama.settings import Section
from drama.workspace import Manifest, open_stage

REVISION = 1
"""Raised when the same inputs give other results."""
_MARK = "preferred/"


def add_preferences(
    judged: Path, judged_passages: Path, preferred: Path, preferred_passages: Path, out: Path, seed: int = 0
) -> Manifest:
    """Add as many reranked rows as there are judged ones, by a seeded draw; all if there are fewer.

    Each has its own passages, whose ids may be the same: in the new files, ids of the preferences begin with
    `preferred/`.

    Args:
        judged: examples, all of which are kept.
        judged_passages: their corpus.
        preferred: examples with rows of kind `rerank`; others are ignored.
        preferred_passages: their corpus.
        out: `examples.parquet` and `passages.parquet` (what the examples name, and no more) go here.
        seed: seed of the draw.

    Raises:
        FileError: a file is missing or broken, or `preferred` holds no reranked row.
    """
    inputs = {
        "judged": judged,
        "judged passages": judged_passages,
        "preferred": preferred,
        "preferred passages": preferred_passages,
    }
    with open_stage(out, "preferences", Section(), inputs, seed, revision=REVISION) as run:
        if run.done:
            return run.manifest
        rows = list(read_examples(judged))
        found = [row for row in read_examples(preferred) if row.kind == RERANK]
        if not found:
            hint = "let an LLM rerank: drama augment … --set rerank.method=listwise"
            raise FileError(preferred, f"holds no row of kind '{RERANK}'", hint=hint)
        rng = random.Random(f"{seed}\0preferences")
        chosen = sorted(rng.sample(range(len(found)), min(len(found), len(rows))))
        run.count("judged", len(rows))
        run.count("preferred", len(chosen))
        run.count("preferred: not in the draw", len(found) - len(chosen))
        preferences = [_marked(found[row]) for row in chosen]
        marked = (d._replace(id=_MARK + d.id) for d in read_passages(preferred_passages))
        rows += preferences
        named = {i for row in rows for i in (*row.positive_ids, *row.negative_ids)}
        passages = chain(read_passages(judged_passages), marked)
        write_passages(out / "passages.parquet", (d for d in passages if d.id in named))
        run.figures["examples"] = write_examples(out / "examples.parquet", rows)
    return run.manifest


def _marked(row: Example) -> Example:
    return row._replace(
        id=_MARK + row.id,
        positive_ids=[_MARK + i for i in row.positive_ids],
        negative_ids=[_MARK + i for i in row.negative_ids],
        origin=_MARK + row.origin if row.origin else "",
    )
