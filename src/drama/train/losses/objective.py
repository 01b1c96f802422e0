"""The loss of a batch, put together from the settings, and what of it is trained beside the model.

Legend: B queries, N documents, T = B + N texts, C documents of the corpus, D the student's dimensions, E the
teacher's.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from drama.records import Example
from drama.retriever import Retriever
from drama.train.batches.batch import Batch
from drama.train.losses.contrastive import Terms, ranking_loss
from drama.train.losses.distillation import embedding_loss, false_negatives, kl_to_teacher
from drama.train.losses.health import health
from drama.train.settings import TrainSettings
from drama.train.texts import TeacherVectors

_COLDEST = 0.01


class Objective:
    """Turns a batch's vectors into a loss.

    Args:
        retriever: the model; in the teacher's space already where the settings want it there.
        teacher: the labelling model's vectors; needed where `settings.distill.on`.
        settings: the `train` section.
        seed: of the projection's first weights, and of the choice of corpus documents.
    """

    def __init__(
        self, retriever: Retriever, teacher: TeacherVectors | None, settings: TrainSettings, seed: int
    ) -> None:
        distill = settings.distill
        assert teacher is not None or not distill.on
        self.device = retriever.backbone.device
        self.settings = settings
        self.teacher = teacher
        self.dims = retriever.dims
        self.terms = Terms(
            settings.both_directions,
            settings.query_query,
            settings.document_document,
            distill.kl_weight,
            distill.temperature,
            distill.margin_weight,
            distill.scores_weight,
            distill.scores_temperature,
        )
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
            self.corpus_CE = F.normalize(torch.from_numpy(teacher.documents_NE[kept]).to(self.device), dim=-1)

    @property
    def temperature(self) -> float | torch.Tensor:
        """Of InfoNCE: the setting, or what has been learnt."""
        return self.log_temperature.exp() if self.log_temperature.requires_grad else self.settings.temperature

    def after_update(self) -> None:
        """Keep a learnt temperature from falling below 0.01, or below its first value where that is less."""
        if self.log_temperature.requires_grad:
            with torch.no_grad():
                self.log_temperature.clamp_(min=math.log(min(_COLDEST, self.settings.temperature)))

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint needs of it."""
        found = {} if self.projection is None else {"projection": self.projection.weight}
        return found | (
            {"log_temperature": self.log_temperature} if self.log_temperature.requires_grad else {}
        )

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take back what `state` gave; other names are passed over."""
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
        s, size = self.settings, len(batch.examples)
        teacher_TE = self._teacher(batch, examples)
        teacher_BN = None if teacher_TE is None else teacher_TE[:size] @ teacher_TE[size:].T
        positive_B = torch.from_numpy(batch.positive_B).to(self.device)
        mask_BN = torch.from_numpy(batch.mask_BN).to(self.device)
        if s.distill.false_negative_margin is not None and teacher_BN is not None:
            mask_BN = mask_BN | false_negatives(teacher_BN, positive_B, s.distill.false_negative_margin)
        queries_BD, documents_ND = vectors_TD[:size], vectors_TD[size:]
        temperature = self.temperature
        known = (
            float(self.log_temperature.detach().exp())
            if self.log_temperature.requires_grad
            else s.temperature
        )
        several_BN = torch.from_numpy(batch.positives_BN).to(self.device) if s.positives > 1 else None
        loss = ranking_loss(
            queries_BD,
            documents_ND,
            positive_B,
            mask_BN,
            self.dims,
            temperature,
            self.terms,
            teacher_BN,
            several_BN,
            self._scored(batch) if s.distill.scores_weight > 0 else None,
        )
        masked = int(mask_BN.sum())
        parts = {
            "ranking_loss": round(loss.item(), 6),
            "masked": masked,
            "masked_share": round(masked / max(1, mask_BN.numel() - size), 6),
        }
        parts |= health(queries_BD, documents_ND, positive_B, mask_BN, known)
        if self.log_temperature.requires_grad:
            parts["temperature"] = round(known, 6)
        if teacher_TE is None:
            return loss, parts
        if s.distill.embedding_weight > 0:
            projected_TE = vectors_TD if self.projection is None else self.projection(vectors_TD)
            distance = embedding_loss(projected_TE, teacher_TE)
            parts["embedding_loss"] = round(distance.item(), 6)
            loss = loss + s.distill.embedding_weight * distance
        if s.distill.corpus_weight > 0:
            student_BC = F.normalize(queries_BD, dim=-1) @ self.corpus_CE.T
            teacher_BC = teacher_TE[:size] @ self.corpus_CE.T
            divergence = kl_to_teacher(student_BC, teacher_BC, s.distill.temperature)
            parts["corpus_loss"] = round(divergence.item(), 6)
            loss = loss + s.distill.corpus_weight * divergence
        return loss, parts

    def _scored(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Columns and scores [B, K] of each query's drawn documents, −inf behind its last."""
        most = max(1, *map(len, batch.scored_B))
        columns_BK = torch.zeros(len(batch.scored_B), most, dtype=torch.long)
        scores_BK = torch.full(columns_BK.shape, -math.inf)
        for b, own in enumerate(batch.scored_B):
            for k, (column, score) in enumerate(own):
                columns_BK[b, k], scores_BK[b, k] = column, score
        return columns_BK.to(self.device), scores_BK.to(self.device)

    def _teacher(self, batch: Batch, examples: Sequence[Example]) -> torch.Tensor | None:
        teacher = self.teacher
        if teacher is None:
            return None
        queries_BE = teacher.queries_QE[teacher.query_rows(examples)]
        documents_NE = teacher.documents_NE[teacher.document_rows(batch.documents)]
        both_TE = torch.cat([torch.from_numpy(queries_BE), torch.from_numpy(documents_NE)])
        return both_TE.to(self.device).float()
