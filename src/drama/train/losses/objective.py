"""The loss of a batch, assembled from `train.loss`, and the parameters that it trains besides the model's.

Legend: B queries, N documents, T = B + N texts, C documents of the corpus, K scored documents of a query,
D the student's dimensions, E the teacher's.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from drama.records import Example
from drama.retriever import Retriever
from drama.train.batches.batch import Batch
from drama.train.losses.health import health
from drama.train.losses.pairs import Pairs, Scored
from drama.train.losses.settings import LossSettings
from drama.train.losses.teacher import TeacherVectors
from drama.train.losses.terms import embedding_loss, false_negatives, kl_to_teacher, weighted_terms

_COLDEST = 0.01


class Objective:
    """Turns a batch's vectors into a loss.

    Args:
        retriever: the model; already in the teacher's space where the settings want it there.
        teacher: the labelling model's vectors; required where `settings.distill.needs_vectors`.
        settings: the section `train.loss`.
        seed: for the projection's first weights and the sample of corpus documents.
    """

    def __init__(
        self, retriever: Retriever, teacher: TeacherVectors | None, settings: LossSettings, seed: int
    ) -> None:
        distill = settings.distill
        assert teacher is not None or not distill.needs_vectors
        self.device = retriever.backbone.device
        self.settings = settings
        self.teacher = teacher
        self.dims = retriever.dims
        self.projection: torch.nn.Linear | None = None
        if distill.space == "own" and distill.embedding_weight > 0 and teacher is not None:
            torch.manual_seed(seed)
            self.projection = torch.nn.Linear(retriever.dim, teacher.dim, bias=False).to(self.device)
        self.log_temperature = torch.nn.Parameter(
            torch.tensor(math.log(settings.temperature), device=self.device),
            settings.temperature_learning_rate > 0,
        )
        self.corpus_CE = torch.empty(0)
        if distill.corpus_weight > 0 and teacher is not None:
            chosen = np.random.default_rng([seed, 3]).permutation(len(teacher.documents_NE))
            kept = np.sort(chosen[: distill.corpus_documents])
            self.corpus_CE = torch.from_numpy(teacher.documents_NE[kept]).to(self.device)

    @property
    def learns_temperature(self) -> bool:
        """Whether the temperature is trained."""
        return self.log_temperature.requires_grad

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The parameters it trains, as optimiser groups; a group without `lr` takes the layers' rate."""
        groups: list[dict[str, Any]] = []
        if self.projection is not None:
            groups.append({"params": list(self.projection.parameters())})
        if self.learns_temperature:
            groups.append({"params": [self.log_temperature], "lr": self.settings.temperature_learning_rate})
        return groups

    def after_update(self) -> None:
        """Keep a learnt temperature from falling below 0.01, or below its first value where that is less."""
        if self.learns_temperature:
            with torch.no_grad():
                self.log_temperature.clamp_(min=math.log(min(_COLDEST, self.settings.temperature)))

    def state(self) -> dict[str, torch.Tensor]:
        """The tensors that a checkpoint needs."""
        found = {} if self.projection is None else {"projection": self.projection.weight}
        return found | ({"log_temperature": self.log_temperature} if self.learns_temperature else {})

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Load what `state` returned; other names are ignored."""
        for name, own in self.state().items():
            with torch.no_grad():
                own.copy_(tensors[name])

    def loss(
        self, batch: Batch, examples: Sequence[Example], vectors_TD: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss, and its parts for the log.

        Args:
            batch: which documents are what to its queries.
            examples: the batch's, in its order.
            vectors_TD: the queries' vectors, then the documents', not normalised.
        """
        teacher_TE = self._teacher(batch, examples)
        pairs = self._pairs(batch, vectors_TD, teacher_TE)
        terms = weighted_terms(pairs, self.dims, self.settings)
        loss = torch.stack(list(terms.values())).sum()
        masked = int(pairs.mask_BN.sum())
        parts = {
            "ranking_loss": round(loss.item(), 6),
            **{f"{name}_loss": round(term.item(), 6) for name, term in terms.items() if len(terms) > 1},
            "masked": masked,
            "masked_share": round(masked / max(1, pairs.mask_BN.numel() - len(pairs.mask_BN)), 6),
        }
        parts |= health(pairs)
        if self.learns_temperature:
            parts["temperature"] = round(float(self.log_temperature.detach().exp()), 6)
        if teacher_TE is None:
            return loss, parts
        distill = self.settings.distill
        if distill.embedding_weight > 0:
            projected_TE = vectors_TD if self.projection is None else self.projection(vectors_TD)
            distance = embedding_loss(projected_TE, teacher_TE)
            parts["embedding_loss"] = round(distance.item(), 6)
            loss = loss + distill.embedding_weight * distance
        if distill.corpus_weight > 0:
            student_BC = F.normalize(pairs.queries_BD, dim=-1) @ self.corpus_CE.T
            teacher_BC = teacher_TE[: len(batch.examples)] @ self.corpus_CE.T
            divergence = kl_to_teacher(student_BC, teacher_BC, distill.temperature)
            parts["corpus_loss"] = round(divergence.item(), 6)
            loss = loss + distill.corpus_weight * divergence
        return loss, parts

    def _pairs(self, batch: Batch, vectors_TD: torch.Tensor, teacher_TE: torch.Tensor | None) -> Pairs:
        size, distill = len(batch.examples), self.settings.distill
        teacher_BN = None if teacher_TE is None else teacher_TE[:size] @ teacher_TE[size:].T
        positive_B = torch.from_numpy(batch.positive_B).to(self.device)
        mask_BN = torch.from_numpy(batch.mask_BN).to(self.device)
        if distill.false_negative_margin is not None and teacher_BN is not None:
            mask_BN = mask_BN | false_negatives(teacher_BN, positive_B, distill.false_negative_margin)
        scored = self._scored(batch) if distill.scores_weight > 0 else None
        temperature = self.log_temperature.exp() if self.learns_temperature else self.settings.temperature
        vectors = vectors_TD[:size], vectors_TD[size:]
        return Pairs(*vectors, positive_B, mask_BN, temperature, teacher_BN, scored)

    def _scored(self, batch: Batch) -> Scored:
        most = max(1, *map(len, batch.scored_B))
        columns_BK = torch.zeros(len(batch.scored_B), most, dtype=torch.long)
        scores_BK = torch.full(columns_BK.shape, -math.inf)
        for b, own in enumerate(batch.scored_B):
            for k, (column, score) in enumerate(own):
                columns_BK[b, k], scores_BK[b, k] = column, score
        return Scored(columns_BK.to(self.device), scores_BK.to(self.device))

    def _teacher(self, batch: Batch, examples: Sequence[Example]) -> torch.Tensor | None:
        if self.teacher is None:
            return None
        vectors = (self.teacher.of_queries(examples), self.teacher.of_documents(batch.documents))
        return torch.cat([torch.from_numpy(each) for each in vectors]).to(self.device).float()
