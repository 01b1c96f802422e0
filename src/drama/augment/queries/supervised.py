"""Supervised: judged queries of a collection's train split (paper, section 4)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import model_validator

from drama.augment.candidate import Candidate
from drama.augment.context import Context
from drama.augment.queries.maker import Maker
from drama.errors import DramaError
from drama.files.compression import find_file
from drama.records import Documents, qrels_file, queries_file, read_judged, read_qrels

KIND = "supervised"


class SupervisedSettings(Maker):
    """Queries that people judged, in addition to those that are made (paper, section 4)."""

    kinds = {KIND: "collections"}
    from_documents = False
    by_name = False

    collections: list[str] = []
    """BEIR folders; each must also be an input of the corpus."""
    split: str = "train"
    """Split of the judgments; never a test split."""

    @model_validator(mode="after")
    def _no_test_split(self) -> Self:
        if self.split.lower().startswith("test"):
            raise ValueError(f"split {self.split}: a test split is for evaluation and is never trained on")
        names = [Path(place).name for place in self.collections]
        if len({*names}) < len(names):
            raise ValueError(f"collections: two have the same name: {names}")
        return self

    def inputs(self) -> dict[str, Path]:
        """See `Maker`."""
        files: dict[str, Path] = {}
        for place in self.collections:
            qrels = qrels_file(Path(place), self.split)
            name = Path(place).name
            files |= {f"queries of {name}": queries_file(Path(place)), f"judgments of {name}": qrels}
            if test := _test_judgments(Path(place)):
                files[f"test judgments of {name}"] = test
        return files

    def make(self, documents: Documents, context: Context) -> Iterator[Candidate]:
        """Yield the judged queries of each collection; their positives are the documents judged above 0.

        A passage belongs to a collection by its `source` and id (`<collection>/<id>` where the corpus has
        several inputs). Left out and counted: queries that the collection's test split judges too, and
        queries none of whose relevant documents is a passage (a duplicate, not in the sample, or in chunks).
        """
        for place in self.collections:
            made = 0
            for candidate in self._collection(Path(place), documents, context):
                made += 1
                context.count(f"{KIND}: made")
                yield candidate
            if not made:
                raise self._nothing(place)

    def _nothing(self, place: str) -> DramaError:
        """Why no query of a collection is left."""
        test = _test_judgments(Path(place))
        tested = read_qrels(test).keys() if test else set()
        if {query.id for query in read_judged(Path(place), self.split)[0]} <= tested:
            return DramaError(
                f"augment.supervised: the test split of {place} judges every query of the split {self.split} "
                "too, and such queries are never trained on",
                hint="take the queries that you train on out of the test split",
            )
        return DramaError(
            f"augment.supervised: no query of {place} has a relevant document among the passages",
            hint=f"add {place} to corpus.inputs, in whole documents",
        )

    def _collection(self, folder: Path, documents: Documents, context: Context) -> Iterator[Candidate]:
        queries, qrels, _ = read_judged(folder, self.split)
        relevant = {i for grades in qrels.values() for i, grade in grades.items() if grade > 0}
        own = (d for d in documents if d.source == folder.name)
        passages = {i: d for d in own if (i := d.id.removeprefix(f"{folder.name}/")) in relevant}
        test = _test_judgments(folder)
        tested = read_qrels(test) if test else {}
        for query in queries:
            if query.id in tested:
                context.count(f"{KIND}: query of the test split too, left out")
                continue
            grades = sorted(qrels[query.id].items())
            judged = [passages[i] for i, grade in grades if grade > 0 and i in passages]
            if not judged:
                context.count(f"{KIND}: no relevant document among the passages, left out")
                continue
            yield Candidate(
                f"{KIND}-{folder.name}-{query.id}",
                query.text,
                KIND,
                "",
                query.lang or judged[0].lang,
                folder.name,
                tuple(d.id for d in judged),
            )


def _test_judgments(folder: Path) -> Path | None:
    return find_file(folder / "qrels", "test.tsv")
