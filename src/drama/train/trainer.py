"""The loop: one step is a pure function of (weights, moments, seed, step number).

Legend: B queries, N documents, T = B + N texts, D hidden, E the teacher's dimensions.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from drama.errors import DramaError
from drama.records import Example
from drama.retriever import Retriever
from drama.retriever.model import length_batches
from drama.train.batches import Batch, draw_batch
from drama.train.loss import embedding_loss, ranking_loss
from drama.train.optimiser import Optimiser
from drama.train.settings import TrainSettings
from drama.train.texts import TeacherVectors


@dataclass
class TrainData:
    """What the examples refer to: token ids by row and by document id, and the teacher's vectors."""

    examples: Sequence[Example]
    queries: list[list[int]]
    documents: dict[str, list[int]]
    teacher: TeacherVectors | None


class Trainer:
    """Trains a retriever in place.

    Raises:
        DramaError: distillation is asked for without a teacher's vectors.
    """

    def __init__(self, retriever: Retriever, data: TrainData, settings: TrainSettings, seed: int) -> None:
        self.retriever = retriever
        self.data = data
        self.settings = settings
        self.seed = seed
        distill = settings.distill
        if (distill.kl_weight > 0 or distill.embedding_weight > 0) and data.teacher is None:
            raise DramaError(
                "train.distill: there are no teacher vectors beside the examples",
                hint="label with exactly one embedding model and augment.label.keep_vectors: true, "
                "or set the weights in train.distill to 0",
            )
        self.dims = retriever.dims
        self.projection: torch.nn.Linear | None = None
        if distill.embedding_weight > 0 and data.teacher is not None:
            torch.manual_seed(seed)
            self.projection = torch.nn.Linear(retriever.dim, data.teacher.dim, bias=False)
        extra = list(self.projection.parameters()) if self.projection is not None else []
        self.optimiser = Optimiser(retriever.backbone, extra, settings)

    def step(self, step: int) -> dict[str, Any]:
        """One update; returns what to log. `step` counts from 0.

        Raises:
            DramaError: the loss is not a number any more.
        """
        begin = time.monotonic()
        s = self.settings
        batch = draw_batch(self.data.examples, s.batch_size, s.negatives, self.seed, step)
        tokens = [self.data.queries[row] for row in batch.examples]
        tokens += [self.data.documents[i] for i in batch.documents]
        vectors_TD, padded = self._forward(tokens)
        loss, parts = self._loss(batch, vectors_TD)
        if not math.isfinite(loss.item()):
            raise DramaError(
                f"train: the loss is {loss.item()} at step {step + 1}",
                hint="lower train.learning_rate (and embedding_learning_rate), or raise train.temperature",
            )
        loss.backward()  # type: ignore[no-untyped-call]
        rate, norm = self.optimiser.step(step)
        real = sum(map(len, tokens))
        return {
            "step": step + 1,
            "loss": round(loss.item(), 6),
            **parts,
            "learning_rate": s.learning_rate * rate,
            "gradient_norm": round(norm, 4),
            "tokens": real,
            "padding": round(1 - real / padded, 4),
            "masked": int(batch.mask_BN.sum()),
            "seconds": round(time.monotonic() - begin, 3),
        }

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors a checkpoint needs."""
        found = {f"model.{k}": v for k, v in self.retriever.backbone.state_dict().items()}
        if self.projection is not None:
            found["projection"] = self.projection.weight
        return found | self.optimiser.tensors()

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a checkpoint."""
        model = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        self.retriever.backbone.load_state_dict(model)
        if self.projection is not None:
            self.projection.load_state_dict({"weight": tensors["projection"]})
        self.optimiser.load(tensors)

    def _forward(self, tokens: list[list[int]]) -> tuple[torch.Tensor, int]:
        """Pooled vectors [T, D] in the order given, computed in batches of like length; padded tokens."""
        order: list[int] = []
        chunks = []
        padded = 0
        for rows in length_batches([len(t) for t in tokens], self.settings.chunk_tokens):
            chunks.append(self.retriever.forward([tokens[row] for row in rows]))
            padded += len(rows) * max(len(tokens[row]) for row in rows)
            order += rows
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(chunks)[back], padded

    def _loss(self, batch: Batch, vectors_TD: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        s, size = self.settings, len(batch.examples)
        teacher_TE = self._teacher(batch)
        loss = ranking_loss(
            vectors_TD[:size],
            vectors_TD[size:],
            torch.from_numpy(batch.positive_B),
            torch.from_numpy(batch.mask_BN),
            self.dims,
            s.temperature,
            None if teacher_TE is None else teacher_TE[:size] @ teacher_TE[size:].T,
            s.distill.kl_weight,
            s.distill.temperature,
        )
        parts = {"ranking_loss": round(loss.item(), 6)}
        if self.projection is not None and teacher_TE is not None:
            distance = embedding_loss(self.projection(vectors_TD), teacher_TE)
            parts["embedding_loss"] = round(distance.item(), 6)
            loss = loss + s.distill.embedding_weight * distance
        return loss, parts

    def _teacher(self, batch: Batch) -> torch.Tensor | None:
        teacher = self.data.teacher
        if teacher is None:
            return None
        queries_BE = teacher.queries_QE[teacher.query_rows([self.data.examples[r] for r in batch.examples])]
        documents_NE = teacher.documents_NE[teacher.document_rows(batch.documents)]
        return torch.cat([torch.from_numpy(queries_BE), torch.from_numpy(documents_NE)])
