"""What a pruned model is worth for retrieval: one short contrastive training, the same for every child.

The examples are cropped sentences of the corpus that was pruned on, labelled once by BM25 (no LLM).
Each child is then trained for the same steps on the same batches with the same seed, and nDCG@10 is measured
on judged collections. Our stages do all of it, so an interrupted run resumes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drama.augment import AugmentSettings, augment
from drama.evaluate import EvaluateSettings, evaluate
from drama.records import Collection
from drama.train import TrainSettings, train

_BATCH, _LENGTH = 32, 128


class Retrieval:
    """nDCG@10 of children of one parent.

    Args:
        passages: the corpus, Parquet.
        judged: BEIR folders; without one nothing is trained or measured.
        steps: updates of the contrastive training.
        seed: of examples and batches.

    Raises:
        FileError: a collection can't be read.
    """

    def __init__(self, passages: Path, judged: Sequence[str], steps: int, seed: int) -> None:
        self.passages, self.judged, self.seed = passages, list(judged), seed
        self.hashes = {place: Collection.read(Path(place)).hashes for place in self.judged}
        self.settings = TrainSettings.parse(
            {
                "retriever": {"max_length": _LENGTH},
                "steps": steps, "batch": {"size": _BATCH, "negatives": 0, "document_length": 64},
                "optimiser": {"learning_rate": 2e-4}, "checkpoint_every": 10,
            },
            "bench prune",
        )  # fmt: skip

    def same(self) -> dict[str, Any]:
        """What results must share to be compared."""
        if not self.judged:
            return {}
        return {"judged": self.hashes, "contrastive": self.settings.model_dump(mode="json")}

    def run(self, model: Path, work: Path) -> dict[str, Any]:
        """`ndcg`, the mean over the collections, and its parts; nothing without collections.

        Args:
            model: the child, a causal LM.
            work: folder for the retriever and its rankings; the examples are next to it.
        """
        if not self.judged:
            return {}
        crops = AugmentSettings.parse({"crop": {"per_document": 1}}, "bench prune")
        examples = work.with_name("examples")
        augment(crops, self.passages, examples, self.seed)
        trained = train(
            self.settings, model, self.passages, examples / "examples.parquet", work / "train", self.seed
        )
        place = str(work / "train" / "model")
        tested = EvaluateSettings.parse(
            {"models": [place], "collections": self.judged, "precision": self.settings.compute.precision},
            "bench prune",
        )
        evaluate(tested, work / "evaluate", self.seed)
        results = json.loads((work / "evaluate" / "results.json").read_text(encoding="utf-8"))["results"]
        by_collection = {row["collection"]: row["metrics"]["nDCG@10"] for row in results}
        return {
            "ndcg": round(sum(by_collection.values()) / len(by_collection), 5),
            "ndcg_by_collection": by_collection,
            "contrastive_loss": trained.figures["loss_last_tenth"],
            "contrastive_seconds": trained.seconds,
        }
