"""The loop: one step is a pure function of (weights, moments, seed, step number).

Legend: B queries, N documents, T = B + N texts, C documents of the corpus, D the student's dimensions, E the
teacher's.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from drama.errors import DramaError
from drama.records import Example
from drama.retriever import Retriever
from drama.retriever.fused import fuse
from drama.train.batches import Batch, draw_batch
from drama.train.forward import Forward
from drama.train.health import health
from drama.train.loss import embedding_loss, false_negatives, kl_to_teacher, ranking_loss
from drama.train.optimiser import Optimiser
from drama.train.settings import TrainSettings
from drama.train.teacher_space import place_in_teacher_space, principal_axes
from drama.train.texts import TeacherVectors
from drama.train.world import World


@dataclass
class TrainData:
    """What the examples refer to: token ids by row and by document id, and the teacher's vectors."""

    examples: Sequence[Example]
    queries: list[list[int]]
    documents: dict[str, list[int]]
    teacher: TeacherVectors | None


class Trainer:
    """Trains a retriever in place, one process of several at will.

    Raises:
        DramaError: distillation is asked for without a teacher's vectors, or a batch smaller than the
            number of processes.
    """

    def __init__(
        self,
        retriever: Retriever,
        data: TrainData,
        settings: TrainSettings,
        seed: int,
        world: World | None = None,
    ) -> None:
        self.world = world or World()
        if settings.batch_size < self.world.size:
            raise DramaError(
                f"train.batch_size: {settings.batch_size} is below the {self.world.size} processes",
                hint="it counts the queries of all processes together",
            )
        self.retriever = retriever
        self.data = data
        self.settings = settings
        self.seed = seed
        distill = settings.distill
        if distill.on and data.teacher is None:
            raise DramaError(
                "train.distill: there are no teacher vectors beside the examples",
                hint="label with exactly one embedding model and augment.label.keep_vectors: true, "
                "or leave train.distill out",
            )
        retriever.precision = settings.precision
        if settings.fused:
            fuse(retriever.backbone)
        self.projection: torch.nn.Linear | None = None
        self.corpus_CE = torch.empty(0)
        if distill.space == "teacher" and data.teacher is not None:
            self._enter_teacher_space(data.teacher)
        elif distill.embedding_weight > 0 and data.teacher is not None:
            torch.manual_seed(seed)
            self.projection = torch.nn.Linear(retriever.dim, data.teacher.dim, bias=False)
        retriever.check_trainable_dims()
        self.dims = retriever.dims
        extra = [p for layer in (retriever.head, self.projection) if layer for p in layer.parameters()]
        self.optimiser = Optimiser(retriever.backbone, extra, settings)

    def _enter_teacher_space(self, teacher: TeacherVectors) -> None:
        axes_EE = principal_axes(teacher.documents_NE.astype(np.float32))
        teacher.rotate(axes_EE[:, : self.retriever.backbone.config.hidden_size])
        examples = self.data.examples
        rows = teacher.query_rows(examples)
        place_in_teacher_space(self.retriever, self.data.queries, teacher.queries_QE[rows], self.seed)
        chosen = np.random.default_rng([self.seed, 3]).permutation(len(teacher.documents_NE))
        kept = np.sort(chosen[: self.settings.distill.corpus_documents])
        self.corpus_CE = F.normalize(torch.from_numpy(teacher.documents_NE[kept]), dim=-1)

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
        shares = self.world.share([len(t) for t in tokens])
        own = [tokens[row] for row in shares[self.world.rank]] if self.world.size > 1 else tokens
        forward = Forward(self.retriever, own, s.chunk_tokens, s.kept_tokens, not s.padding_free)
        loss, parts = self._loss(batch, self.world.gather(forward.vectors_TD, shares))
        if not math.isfinite(loss.item()):
            raise DramaError(
                f"train: the loss is {loss.item()} at step {step + 1}",
                hint="lower train.learning_rate (and embedding_learning_rate), or raise train.temperature",
            )
        loss.backward()  # type: ignore[no-untyped-call]
        forward.finish()
        self.world.sum_gradients(self.retriever.parameters())
        rate, norm = self.optimiser.step(step)
        real = sum(map(len, own))
        return {
            "step": step + 1,
            "loss": round(loss.item(), 6),
            **parts,
            "learning_rate": s.learning_rate * rate,
            "gradient_norm": round(norm, 4),
            "tokens": sum(map(len, tokens)),
            "padding": round(1 - real / forward.computed_tokens, 4),
            "computed_twice": forward.cached_texts,
            "seconds": round(time.monotonic() - begin, 3),
        }

    def weights(self) -> dict[str, torch.Tensor]:
        """The model's tensors."""
        found = {f"model.{k}": v for k, v in self.retriever.backbone.state_dict().items()}
        if self.retriever.head is not None:
            found["head"] = self.retriever.head.weight
        return found

    def load_weights(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take back what `weights` gave; other names are passed over."""
        model = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        self.retriever.backbone.load_state_dict(model)
        if self.retriever.head is not None:
            self.retriever.head.load_state_dict({"weight": tensors["head"]})

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors a checkpoint needs."""
        found = self.weights()
        if self.projection is not None:
            found["projection"] = self.projection.weight
        return found | self.optimiser.tensors()

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a checkpoint."""
        self.load_weights(tensors)
        if self.projection is not None:
            self.projection.load_state_dict({"weight": tensors["projection"]})
        self.optimiser.load(tensors)

    def _loss(self, batch: Batch, vectors_TD: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        s, size = self.settings, len(batch.examples)
        teacher_TE = self._teacher(batch)
        teacher_BN = None if teacher_TE is None else teacher_TE[:size] @ teacher_TE[size:].T
        positive_B, mask_BN = torch.from_numpy(batch.positive_B), torch.from_numpy(batch.mask_BN)
        if s.distill.false_negative_margin is not None and teacher_BN is not None:
            mask_BN = mask_BN | false_negatives(teacher_BN, positive_B, s.distill.false_negative_margin)
        loss = ranking_loss(
            vectors_TD[:size],
            vectors_TD[size:],
            positive_B,
            mask_BN,
            self.dims,
            s.temperature,
            teacher_BN,
            s.distill.kl_weight,
            s.distill.temperature,
            s.both_directions,
        )
        parts = {"ranking_loss": round(loss.item(), 6), "masked": int(mask_BN.sum())}
        parts |= health(vectors_TD[:size], vectors_TD[size:], positive_B, mask_BN, s.temperature)
        if teacher_TE is None:
            return loss, parts
        if s.distill.embedding_weight > 0:
            projected_TE = vectors_TD if self.projection is None else self.projection(vectors_TD)
            distance = embedding_loss(projected_TE, teacher_TE)
            parts["embedding_loss"] = round(distance.item(), 6)
            loss = loss + s.distill.embedding_weight * distance
        if s.distill.corpus_weight > 0:
            student_BC = F.normalize(vectors_TD[:size], dim=-1) @ self.corpus_CE.T
            teacher_BC = teacher_TE[:size] @ self.corpus_CE.T
            divergence = kl_to_teacher(student_BC, teacher_BC, s.distill.temperature)
            parts["corpus_loss"] = round(divergence.item(), 6)
            loss = loss + s.distill.corpus_weight * divergence
        return loss, parts

    def _teacher(self, batch: Batch) -> torch.Tensor | None:
        teacher = self.data.teacher
        if teacher is None:
            return None
        queries_BE = teacher.queries_QE[teacher.query_rows([self.data.examples[r] for r in batch.examples])]
        documents_NE = teacher.documents_NE[teacher.document_rows(batch.documents)]
        return torch.cat([torch.from_numpy(queries_BE), torch.from_numpy(documents_NE)]).float()
