"""One small corpus with examples and teacher vectors for all tests of training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drama.records import Document, Example, write_examples, write_passages
from drama.train import TrainSettings, train
from drama.workspace import write_vectors


class Inputs:
    """A corpus of word pairs: a query shares words with its document only."""

    def __init__(self, root: Path, backbone: Path, texts: list[str]) -> None:
        self.backbone = backbone
        self.passages = root / "passages.parquet"
        self.examples = root / "examples.parquet"
        self.teacher = root / "teacher"
        documents = [Document(f"d{i}", "", text) for i, text in enumerate(texts)]
        write_passages(self.passages, documents)
        rows = [
            Example(
                f"sent-{i}", " ".join(d.text.split()[:5]), [d.id], [documents[i - 1].id], [1.0], [0.1],
                "sent", origin=d.id,
            )
            for i, d in enumerate(documents)
        ]  # fmt: skip
        write_examples(self.examples, rows)
        vectors = np.random.default_rng(0).normal(size=(len(texts), 6))
        for name, ids in (("queries", [r.id for r in rows]), ("documents", [d.id for d in documents])):
            write_vectors(self.teacher / name, 6, "float32", [(ids, vectors)])

    def train(self, out: Path, teacher: bool = False, **changes: Any) -> Path:
        """Train with changed keys of the `train` section; `batch` and `optimiser` are merged key by key."""
        values: dict[str, Any] = {
            "steps": 12, "checkpoint_every": 4, "retriever": {"dims": [16, 32], "max_length": 64}, **changes,
            "batch": {"size": 4} | changes.get("batch", {}),
            "optimiser": {"learning_rate": 2e-3} | changes.get("optimiser", {}),
        }  # fmt: skip
        settings = TrainSettings.parse(values, "train")
        train(
            settings, self.backbone, self.passages, self.examples, out, 3, self.teacher if teacher else None
        )
        return out


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, tiny_llm: Path, texts: list[str]) -> Inputs:
    return Inputs(tmp_path_factory.mktemp("train-inputs"), tiny_llm, texts)


@pytest.fixture
def leaking_collection(tmp_path: Path, texts: list[str]) -> Path:
    """A BEIR folder that asks two of the training queries, and a third that it does not judge."""
    folder = tmp_path / "leaking"
    (folder / "qrels").mkdir(parents=True)
    asked = [" ".join(text.split()[:5]).upper() for text in texts[:3]]
    rows = [json.dumps({"_id": f"q{i}", "text": text}) for i, text in enumerate(asked)]
    (folder / "queries.jsonl").write_text("\n".join(rows))
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td0\t1\nq1\td1\t1\n")
    return folder
