"""Supervised sets: judged queries of a collection's train split, beside the made ones (paper, section 4)."""

from collections.abc import Callable, Iterator
from pathlib import Path

from drama.augment.candidate import Candidate
from drama.augment.settings import SupervisedSettings
from drama.errors import DramaError
from drama.records import Documents, qrels_file, read_judged, read_qrels

KIND = "supervised"


def supervised_files(settings: SupervisedSettings) -> dict[str, Path]:
    """What is read of the collections, by name.

    Raises:
        FileError: a collection has no such split.
    """
    files: dict[str, Path] = {}
    for place in settings.collections:
        qrels = qrels_file(Path(place), settings.split)
        name = Path(place).name
        files |= {f"queries of {name}": Path(place) / "queries.jsonl", f"judgments of {name}": qrels}
        if (test := qrels.with_name("test.tsv")).is_file():
            files[f"test judgments of {name}"] = test
    return files


def supervised(
    documents: Documents, settings: SupervisedSettings, count: Callable[[str], None]
) -> Iterator[Candidate]:
    """The judged queries of each collection; their positives are what people judged above 0.

    A passage belongs to a collection by its `source` and id (`<collection>/<id>` where the corpus has several
    inputs). Left out and counted: queries that the collection's test split judges too, and queries none of
    whose relevant documents is a passage (a duplicate, not in the sample, or in chunks).

    Raises:
        DramaError: a file is missing or broken, or not one query of a collection can be used.
    """
    for place in settings.collections:
        folder = Path(place)
        queries, qrels, _ = read_judged(folder, settings.split)
        relevant = {i for grades in qrels.values() for i, grade in grades.items() if grade > 0}
        own = (d for d in documents if d.source == folder.name)
        passages = {i: d for d in own if (i := d.id.removeprefix(f"{folder.name}/")) in relevant}
        test = folder / "qrels" / "test.tsv"
        tested = read_qrels(test) if test.is_file() else {}
        made = 0
        for query in queries:
            grades = qrels[query.id]
            if query.id in tested:
                count(f"{KIND}: query of the test split too, left out")
                continue
            judged = [passages[i] for i, grade in sorted(grades.items()) if grade > 0 and i in passages]
            if not judged:
                count(f"{KIND}: no relevant document among the passages, left out")
                continue
            yield Candidate(
                f"{KIND}-{folder.name}-{query.id}",
                query.text,
                KIND,
                judged[0].id,
                query.lang or judged[0].lang,
                folder.name,
                tuple(d.id for d in judged),
            )
            made += 1
            count(f"{KIND}: made")
        if not made:
            raise DramaError(
                f"augment.supervised: no query of {folder} has a relevant document among the passages",
                hint=f"add {folder} to corpus.inputs, in whole documents",
            )
