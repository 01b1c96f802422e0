"""QGen: queries that an LLM writes for documents (paper, section 3).

Every answer lands in the sqlite cache with its batch; a rerun after a kill asks only for what is missing.
The raw answers and what became of them are in `generated.jsonl`.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from drama.augment.candidate import Candidate
from drama.augment.settings import SynthesizeSettings
from drama.console import progress
from drama.llm import AnswerCache, load_engine, load_prompt
from drama.records import Document
from drama.workspace import fingerprint_path, write_text

_LONGEST_WORDS = 40
_LABEL = re.compile(r"^(query|question|search query|answer)\s*:\s*", re.IGNORECASE)


def synthesize(
    documents: Sequence[Document],
    settings: SynthesizeSettings,
    folder: Path,
    seed: int,
    count: Callable[[str], None],
) -> Iterator[Candidate]:
    """One query for each of `settings.documents` documents, by a seeded choice; outcomes are counted."""
    if settings.documents == 0:
        return
    rows = sorted(random.Random(seed).sample(range(len(documents)), min(settings.documents, len(documents))))
    # Prompts of like length go together, so that a batch holds little padding.
    chosen = sorted((documents[row] for row in rows), key=lambda d: (len(d.text), d.id))
    answers = _answers(chosen, settings, folder / "answers.sqlite", seed)
    lines, made = [], []
    for number, (document, answer) in enumerate(zip(chosen, answers, strict=True)):
        query, outcome = parse_query(answer, document.full_text)
        count(f"qgen: {outcome}")
        lines.append({"document": document.id, "answer": answer, "query": query, "outcome": outcome})
        if outcome in ("ok", "repaired"):
            made.append(Candidate(f"qgen-{number:06d}", query, "qgen", document))
    write_text(
        folder / "generated.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    )
    yield from made


def parse_query(answer: str, text: str) -> tuple[str, str]:
    """(query, outcome) of an LLM's answer.

    Outcomes: `ok`; `repaired` (a label, quotes or further lines were taken off); `empty`; `too short` (one
    word); `too long`; `copied` (the text's own words, in order).

    >>> parse_query("why do cats purr", "Cats purr when content.")
    ('why do cats purr', 'ok')
    >>> parse_query('Query: "why do cats purr"', "Cats purr when content.")
    ('why do cats purr', 'repaired')
    >>> parse_query("cats purr when content", "Cats purr when content.")[1]
    'copied'
    """
    lines = [line.strip() for line in answer.strip().splitlines() if line.strip()]
    if not lines:
        return "", "empty"
    query = _LABEL.sub("", lines[0]).strip().strip('"“”*').strip()
    outcome = "ok" if query == answer.strip() else "repaired"
    words = len(query.split())
    if not query:
        return "", "empty"
    if words < 2 and len(query) < 6:
        return query, "too short"
    if words > _LONGEST_WORDS:
        return query, "too long"
    if words >= 3 and _plain(query) in _plain(text):
        return query, "copied"
    return query, outcome


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _answers(documents: Sequence[Document], settings: SynthesizeSettings, path: Path, seed: int) -> list[str]:
    prompt = load_prompt(settings.prompt)
    engine = load_engine(settings.llm)
    model = fingerprint_path(Path(engine.model.name_or_path))
    prompts = [prompt.messages(" ".join(d.full_text.split()[: settings.text_words])) for d in documents]
    cache = AnswerCache(path)
    size = settings.batch_size
    answers: list[str] = []
    with progress("write queries", len(prompts)) as bar:
        for start in range(0, len(prompts), size):
            batch = prompts[start : start + size]
            keys = [
                AnswerCache.key(model, settings.sampling.model_dump(), seed, batch, i)
                for i in range(len(batch))
            ]
            known = [cache.get(key) for key in keys]
            if any(answer is None for answer in known):
                fresh = next(iter(engine.generate(batch, settings.sampling, size, seed)))
                cache.put(dict(zip(keys, fresh, strict=True)))
                known = list(fresh)
            answers += [answer or "" for answer in known]
            bar.advance(len(batch))
    cache.close()
    return answers
