"""Measures the model in training on the held-out share and on a judged collection."""

import time
from pathlib import Path

import torch

from drama.compute import World
from drama.errors import DramaError
from drama.retriever import Retriever
from drama.train.batches.batch import draw_batch
from drama.train.batches.order import consecutive
from drama.train.batches.settings import BatchSettings
from drama.train.losses.contrastive import contrast
from drama.train.losses.pairs import Pairs
from drama.train.losses.settings import LossSettings
from drama.train.phases import TrainData
from drama.train.settings import ComputeSettings
from drama.train.validation.ranking import (
    Ranking,
    encode,
    measure,
    ranking_of_collection,
    ranking_of_examples,
)
from drama.train.validation.settings import LOSS, ValidationSettings


class Validator:
    """Tokenises the held-out share and the judged collection once, and measures them.

    Args:
        retriever: the model in training.
        settings: the section `train.validation`.
        batch: lengths, and the batches of the held-out loss.
        loss: the held-out loss is its InfoNCE.
        compute: the section `train.compute`.
        held: the examples that are not trained on.
        seed: for the draws of the held-out loss, the same at every measurement.
        world: the processes that share the work.

    Raises:
        DramaError: fewer than 2 held-out examples where a share is requested, or a broken collection.
    """

    def __init__(
        self,
        retriever: Retriever,
        settings: ValidationSettings,
        batch: BatchSettings,
        loss: LossSettings,
        compute: ComputeSettings,
        held: TrainData,
        seed: int,
        world: World,
    ) -> None:
        self.retriever, self.compute, self.world = retriever, compute, world
        self.held, self.batch, self.loss, self.seed = held.examples, batch, loss, seed
        self.rankings: dict[str, Ranking] = {}
        if settings.share > 0:
            if len(self.held) < 2:
                raise DramaError(
                    f"train.validation.share: {settings.share} of the queries is {len(self.held)} examples",
                    hint="give a larger share: at least 2 are needed",
                )
            self.rankings["held_out"] = ranking_of_examples(
                held.examples, held.queries, held.documents, batch.document_length
            )
        if settings.collection is not None:
            folder, lengths = Path(settings.collection), (batch.query_length, batch.document_length)
            self.rankings["judged"] = ranking_of_collection(retriever, folder, settings.split, *lengths)

    def measure(self) -> dict[str, object]:
        """`held_out` and `judged`: measure → value, where requested; `validation_seconds`."""
        begin = time.monotonic()
        found: dict[str, object] = {}
        for name, ranking in self.rankings.items():
            texts = [*ranking.queries, *ranking.documents]
            vectors_TD = encode(self.retriever, texts, self.compute, self.world)
            queries_QD, documents_ND = vectors_TD[: len(ranking.queries)], vectors_TD[len(ranking.queries) :]
            values = measure(ranking, queries_QD, documents_ND)
            if name == "held_out":
                values[LOSS] = round(self._loss(ranking, queries_QD, documents_ND), 6)
            found[name] = values
        return found | {"validation_seconds": round(time.monotonic() - begin, 3)}

    def _loss(self, ranking: Ranking, queries_QD: torch.Tensor, documents_ND: torch.Tensor) -> float:
        """InfoNCE as in training over the share in batches, mean; each time the same draws, and the first
        temperature."""
        size = min(self.batch.size, len(self.held))
        column = {document: n for n, document in enumerate(ranking.document_ids)}
        steps = len(self.held) // size
        total = 0.0
        for step in range(steps):
            rows = consecutive(len(self.held), size, [self.seed, 0], step)
            batch = draw_batch(self.held, rows, self.batch.negatives, self.seed, step)
            pairs = Pairs(
                queries_QD[batch.examples],
                documents_ND[[column[i] for i in batch.documents]],
                torch.from_numpy(batch.positive_B),
                torch.from_numpy(batch.mask_BN),
                self.loss.temperature,
            )
            dims = self.retriever.dims
            total += sum(contrast(pairs.at(d), self.loss.directions).item() for d in dims) / len(dims)
        return total / steps
