"""Measures the model in training on the held-out share and on a judged collection."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from drama.compute import World
from drama.errors import DramaError
from drama.records import Example
from drama.retriever import Retriever
from drama.train.batches.batch import draw_batch
from drama.train.losses.contrastive import Terms, ranking_loss
from drama.train.settings import TrainSettings
from drama.train.validation.ranking import (
    Ranking,
    encode,
    measure,
    ranking_of_collection,
    ranking_of_examples,
)


class Validator:
    """What there is to measure, tokenised once.

    Args:
        retriever: the model in training.
        settings: the `train` section; it has a `validation`.
        seed: of the draws behind the held-out loss, the same at every measurement.
        world: the processes that share the work.
        held: the examples that are not trained on.
        queries: token ids of their queries.
        documents: token ids by document id.

    Raises:
        DramaError: fewer than 2 held-out queries where a share is asked for, or a broken collection.
    """

    def __init__(
        self,
        retriever: Retriever,
        settings: TrainSettings,
        seed: int,
        world: World,
        held: Sequence[Example],
        queries: list[list[int]],
        documents: Mapping[str, list[int]],
    ) -> None:
        assert settings.validation is not None
        self.retriever, self.settings, self.seed, self.world = retriever, settings, seed, world
        self.held = held
        self.rankings: dict[str, Ranking] = {}
        chosen = settings.validation
        if chosen.share > 0:
            if len(held) < 2:
                raise DramaError(
                    f"train.validation.share: {chosen.share} of the queries are {len(held)} examples",
                    hint="give a larger share: at least 2 are needed",
                )
            self.rankings["held_out"] = ranking_of_examples(
                held, queries, documents, settings.document_length
            )
        if chosen.collection is not None:
            self.rankings["judged"] = ranking_of_collection(
                retriever,
                Path(chosen.collection),
                chosen.split,
                settings.query_length,
                settings.document_length,
            )

    def measure(self) -> dict[str, object]:
        """`held_out` and `judged`: measure → value, as far as asked for; `validation_seconds`."""
        begin = time.monotonic()
        s = self.settings
        found: dict[str, object] = {}
        for name, ranking in self.rankings.items():
            vectors_TD = encode(
                self.retriever,
                [*ranking.queries, *ranking.documents],
                self.world,
                s.chunk_tokens,
                not s.padding_free,
            )
            queries_QD, documents_ND = vectors_TD[: len(ranking.queries)], vectors_TD[len(ranking.queries) :]
            values = measure(ranking, queries_QD, documents_ND)
            if name == "held_out":
                values["loss"] = round(self._loss(ranking, queries_QD, documents_ND), 6)
            found[name] = values
        return found | {"validation_seconds": round(time.monotonic() - begin, 3)}

    def _loss(self, ranking: Ranking, queries_QD: torch.Tensor, documents_ND: torch.Tensor) -> float:
        """The contrastive loss of the training over the share in batches, mean; at each measurement the same
        draws and the first temperature."""
        s = self.settings
        size = min(s.batch_size, len(self.held))
        column = {document: n for n, document in enumerate(ranking.document_ids)}
        steps = len(self.held) // size
        total = 0.0
        for step in range(steps):
            batch = draw_batch(self.held, size, s.negatives, self.seed, step)
            total += ranking_loss(
                queries_QD[batch.examples],
                documents_ND[[column[i] for i in batch.documents]],
                torch.from_numpy(batch.positive_B),
                torch.from_numpy(batch.mask_BN),
                self.retriever.dims,
                s.temperature,
                Terms(s.both_directions, s.query_query, s.document_document),
            ).item()
        return total / steps
