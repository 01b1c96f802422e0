"""One step: a pure function of (weights, moments, seed, step number)."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from drama.compute import World, shard_layers, shard_like, unshard
from drama.errors import DramaError
from drama.records import Example
from drama.retriever import Retriever
from drama.retriever.forward.packed import computing_again
from drama.train.batches.batch import fill_batch
from drama.train.batches.sampler import Sampler, cut
from drama.train.compiled import compile_layers
from drama.train.forward import Forward, in_step, passes
from drama.train.lora import add_factors
from drama.train.loss_scale import LossScale
from drama.train.losses.objective import Objective
from drama.train.losses.teacher_space import place_in_teacher_space, principal_axes
from drama.train.optimiser import Optimiser
from drama.train.settings import TrainSettings
from drama.train.texts import TeacherVectors


@dataclass
class TrainData:
    """What the examples refer to: token ids by row and by document id, and the teacher's vectors."""

    examples: Sequence[Example]
    queries: list[list[int]]
    documents: Mapping[str, list[int]]
    teacher: TeacherVectors | None


class Trainer:
    """Trains a retriever in place, one process of several at will.

    Args:
        retriever: the model.
        data: what it trains on.
        settings: the `train` section, of one phase.
        seed: of batches and draws.
        world: the processes that work on it.
        before: the run's steps before this phase, by which a message counts.

    Raises:
        DramaError: a batch smaller than the number of processes, or what the model can't have.
    """

    def __init__(
        self,
        retriever: Retriever,
        data: TrainData,
        settings: TrainSettings,
        seed: int,
        world: World | None = None,
        before: int = 0,
    ) -> None:
        self.world, self.before = world or World(), before
        self.sampler = Sampler(data.examples, data.documents, settings, seed, self.world.size)
        self.retriever = retriever
        self.data = data
        self.settings = settings
        self.seed = seed
        retriever.precision = settings.precision
        # LoRA's factors and split layers live in the modules, which fused layers pass by.
        retriever.fused = settings.fused and settings.lora is None and not settings.shard
        if settings.gradient_checkpointing:
            how = {"use_reentrant": False, "context_fn": partial(computing_again, retriever.backbone)}
            retriever.backbone.gradient_checkpointing_enable(how)
        if settings.lora is not None:
            add_factors(retriever.backbone, settings.lora, seed)
        if settings.distill.space == "teacher" and data.teacher is not None and not data.teacher.rotated:
            self._enter_teacher_space(data.teacher)
        retriever.check_trainable_dims()
        if settings.shard:
            shard_layers(layers_of(retriever.backbone), retriever.backbone.device)
        if settings.compile:
            compile_layers(retriever.backbone)
        self.objective = Objective(retriever, data.teacher, settings, seed)
        extra = [
            p for layer in (retriever.head, self.objective.projection) if layer for p in layer.parameters()
        ]
        self.scale = LossScale() if settings.precision == "fp16" else None
        self.optimiser = Optimiser(retriever.backbone, extra, settings, self.objective.log_temperature)

    def _enter_teacher_space(self, teacher: TeacherVectors) -> None:
        axes_EE = principal_axes(teacher.documents_NE.astype(np.float32))
        teacher.rotate(axes_EE[:, : self.retriever.backbone.config.hidden_size])
        rows = teacher.query_rows(self.data.examples)
        place_in_teacher_space(self.retriever, self.data.queries, teacher.queries_QE[rows], self.seed)

    def step(self, step: int) -> dict[str, Any]:
        """One update; returns what to log. `step` counts from 0 in the phase.

        Raises:
            DramaError: the loss is not a number any more.
        """
        begin = time.monotonic()
        s = self.settings
        plan = self.sampler.plan(step)
        batch = fill_batch(self.data.examples, plan.rows, s.negatives, self.seed, step, s.positives)
        tokens = [self.data.queries[row] for row in batch.examples]
        tokens += [cut(self.data.documents[i], plan.document_length) for i in batch.documents]
        shares = self.world.share([len(t) for t in tokens])
        own = [tokens[row] for row in shares[self.world.rank]]
        padded = not (s.padding_free and self.retriever.packs)
        of_all = [
            passes([len(tokens[row]) for row in rows], s.chunk_tokens, s.kept_tokens, padded)
            for rows in shares
        ]
        own_passes = in_step(of_all, self.world.rank) if s.shard else of_all[self.world.rank]
        forward = Forward(self.retriever, own, own_passes, padded)
        examples = [self.data.examples[row] for row in batch.examples]
        loss, parts = self.objective.loss(batch, examples, self.world.gather(forward.vectors_TD, shares))
        if not math.isfinite(loss.item()):
            raise DramaError(
                f"train: the loss is {loss.item()} at step {self.before + step + 1}",
                hint="lower train.learning_rate (and embedding_learning_rate), or raise train.temperature",
            )
        scaled = loss
        if self.scale is not None:
            scaled = loss * self.scale.factor
            parts["loss_scale"] = self.scale.factor
        scaled.backward()  # type: ignore[no-untyped-call]
        forward.finish()
        self.world.sum_gradients(self.retriever.parameters())
        rate, norm = self.optimiser.step(step, self.scale)
        if self.scale is not None:
            parts["left_out"] = int(self.scale.factor < parts["loss_scale"])
        self.objective.after_update()
        real = sum(map(len, own))
        return {
            "step": self.before + step + 1,
            "loss": round(loss.item(), 6),
            **parts,
            "learning_rate": s.learning_rate * rate,
            "gradient_norm": round(norm, 4),
            "queries": len(batch.examples),
            "document_length": plan.document_length,
            "tokens": sum(map(len, tokens)),
            "padding": round(1 - real / forward.computed_tokens, 4),
            "computed_twice": forward.computed_twice,
            "seconds": round(time.monotonic() - begin, 3),
        }

    def weights(self) -> dict[str, torch.Tensor]:
        """The model's tensors, whole. Where they are split, all processes must call this."""
        found = {f"model.{k}": v for k, v in self.retriever.backbone.state_dict().items()}
        if self.retriever.head is not None:
            found["head"] = self.retriever.head.weight
        return unshard(found)

    def load_weights(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take back what `weights` gave; other names are passed over."""
        own = self.retriever.backbone.state_dict()
        model = {k: shard_like(tensors[f"model.{k}"], tensor) for k, tensor in own.items()}
        self.retriever.backbone.load_state_dict(model)
        if self.retriever.head is not None:
            self.retriever.head.load_state_dict({"weight": tensors["head"]})

    def whole_model(self, plain: Retriever, weights: dict[str, torch.Tensor]) -> Retriever:
        """Give whole weights to a retriever whose layers are not split: our own, or a new one."""
        if self.settings.lora is not None:
            add_factors(plain.backbone, self.settings.lora, self.seed)
        plain.backbone.load_state_dict(
            {k.removeprefix("model."): t for k, t in weights.items() if k.startswith("model.")}
        )
        plain.head = self.retriever.head
        if plain.head is not None:
            plain.head.load_state_dict({"weight": weights["head"]})
        return plain

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors a checkpoint needs."""
        scale = {} if self.scale is None else self.scale.state()
        return self.weights() | self.objective.state() | self.optimiser.tensors() | scale

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a checkpoint."""
        self.load_weights(tensors)
        self.objective.load(tensors)
        self.optimiser.load(tensors)
        if self.scale is not None:
            self.scale.load(tensors)


def layers_of(backbone: Any) -> torch.nn.ModuleList:
    """The layers of a decoder stack.

    Raises:
        DramaError: the model has no list of layers.
    """
    layers = getattr(backbone, "layers", None)
    if layers is None:
        raise DramaError(
            f"train.shard: a {backbone.config.model_type} backbone can't be split",
            hint="leave train.shard out: the whole model is then on each process",
        )
    found: torch.nn.ModuleList = layers
    return found
