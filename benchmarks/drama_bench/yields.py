"""Yield of QGen: outcomes of an LLM's answers, by prompt and language.

Each (LLM, language) leaves `yields-LLM-LANGUAGE.json`. Its `rounds` have a row for each prompt: how many
documents had which outcome, and samples of answers, drawn by a seed and unedited.
"""

import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from drama.augment import SynthesizeSettings
from drama.augment.context import Context
from drama.console import note
from drama.errors import DramaError
from drama.records import Document
from drama.servers.settings import ServerSettings
from drama_bench.result import write_result
from drama_bench.study import as_file_name, is_done
from drama_bench.texts import documents

SAMPLES = 20
_MALFORMED = ("empty", "too short", "too long")


def bench_yields(
    corpora: Iterable[str],
    settings: SynthesizeSettings,
    out: Path,
    seed: int = 0,
    server: ServerSettings | None = None,
) -> list[Path]:
    """One result file for each language; those that exist are left as they are.

    The LLM's answers are kept in `out/answers.sqlite`: a stopped run resumes within a language, too.

    Args:
        corpora: as in a recipe's `corpus.inputs`; documents of one language are pooled.
        settings: the LLM, the prompts, and how many documents of each language.
        out: folder of the results.
        seed: of the choice of documents, the sampling and the samples.
        server: how a server is asked.

    Raises:
        DramaError: a document names no language, no such LLM or prompt, or a result by other settings.
    """
    if not settings.documents:
        raise DramaError("bench yields: synthesize.documents is 0: no document would be read")
    by_language: dict[str, list[Document]] = {}
    for document in documents(corpora):
        if not document.lang:
            raise DramaError(
                f"{document.source}: document '{document.id}' names no language",
                hint="give each document its `lang`: the yield is counted by language",
            )
        unique = document._replace(id=f"{document.source}/{document.id}")
        by_language.setdefault(document.lang, []).append(unique)
    paths = []
    for lang, rows in sorted(by_language.items()):
        path = out / f"yields-{as_file_name(settings.llm)}-{lang}.json"
        asked = {
            "synthesize": settings.model_dump(),
            "seed": seed,
            "sources": sorted({row.source for row in rows}),
        }
        if not is_done(path, asked):
            note(f"{lang}: {min(settings.documents, len(rows))} of {len(rows)} documents")
            kinds, usage = _of_language(rows, lang, settings, out, seed, server or ServerSettings())
            summary = {"llm": settings.llm, "lang": lang, "shares": {k["kind"]: k["shares"] for k in kinds}}
            write_result(path, kinds, summary | {"asked now": usage}, (), asked)
        paths.append(path)
    return paths


def shares(outcomes: dict[str, int]) -> dict[str, float]:
    """Share of each outcome; empty, too short and too long answers together are `malformed`.

    >>> shares({"ok": 2, "empty": 1, "too long": 1})
    {'malformed': 0.5, 'ok': 0.5}
    """
    total: Counter[str] = Counter()
    for outcome, n in outcomes.items():
        total["malformed" if outcome in _MALFORMED else outcome] += n
    return {outcome: round(n / total.total(), 4) for outcome, n in sorted(total.items())}


def _of_language(
    rows: list[Document],
    lang: str,
    settings: SynthesizeSettings,
    store: Path,
    seed: int,
    server: ServerSettings,
) -> tuple[list[dict[str, Any]], Any]:
    """A row for each prompt, and the requests that this process sent to the LLM."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        list(settings.make(rows, Context(folder, store, seed, lambda _: None, figures, server)))
        text = (folder / "generated.jsonl").read_text(encoding="utf-8")
    answers: dict[str, list[dict[str, Any]]] = {}
    for line in text.splitlines():
        answer = json.loads(line)
        answers.setdefault(answer.pop("prompt"), []).append(answer)
    kinds = []
    for kind, each in answers.items():
        outcomes = dict(sorted(Counter(answer["outcome"] for answer in each).items()))
        samples = random.Random(f"{seed}\0{lang}\0{kind}").sample(each, min(SAMPLES, len(each)))
        kinds.append(
            {
                "kind": kind,
                "lang": lang,
                "documents": len(each),
                "outcomes": outcomes,
                "shares": shares(outcomes),
                "samples": samples,
            }
        )
    return kinds, figures["llm: synthesize"]
