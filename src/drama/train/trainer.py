"""One step: a pure function of (weights, moments, seed, step number)."""

import math
import time
from typing import Any

import torch

from drama.compute import Guard, World, shard_layers, shard_like, unshard
from drama.errors import DramaError
from drama.retriever import Retriever
from drama.train.backbone import layers_of
from drama.train.batches.batch import draw_batch
from drama.train.batches.sampler import Sampler, cut
from drama.train.forward import Forward, configure
from drama.train.lora import add_factors
from drama.train.losses.objective import Objective
from drama.train.losses.teacher import enter_teacher_space
from drama.train.optimiser import Optimiser
from drama.train.phases import Phase
from drama.train.settings import ComputeSettings, LoraSettings

_HINT = (
    "lower train.optimiser.learning_rate (and embedding_learning_rate), or raise train.loss.temperature; "
    "train.compute.precision: fp32 overflows later than bf16"
)


class Trainer:
    """Trains a retriever in place on one phase, in one process or several.

    Raises:
        DramaError: a batch smaller than the number of processes, or widths, layers or LoRA targets that the
            model does not have.
    """

    def __init__(
        self,
        retriever: Retriever,
        phase: Phase,
        compute: ComputeSettings,
        lora: LoraSettings | None,
        seed: int,
        world: World | None = None,
    ) -> None:
        self.world = world or World()
        self.retriever, self.phase, self.compute, self.lora, self.seed = retriever, phase, compute, lora, seed
        data, settings = phase.data, phase.settings
        self.sampler = Sampler(
            data.examples, data.documents, settings.batch, phase.steps, seed, self.world.size
        )
        configure(retriever, compute, lora is not None)
        if lora is not None:
            add_factors(retriever.backbone, lora, seed)
        teacher = data.teacher
        if settings.loss.distill.space == "teacher" and teacher is not None and not teacher.rotated:
            enter_teacher_space(retriever, teacher, data.examples, data.queries, seed)
        retriever.check_trainable_dims()
        if compute.shard:
            shard_layers(layers_of(retriever.backbone), retriever.backbone.device)
        self.objective = Objective(retriever, teacher, settings.loss, seed)
        head = [] if retriever.head is None else [{"params": list(retriever.head.parameters())}]
        groups = [*head, *self.objective.parameter_groups()]
        self.optimiser = Optimiser(retriever.backbone, settings.optimiser, phase.steps, groups)
        self.guard = Guard("train", _HINT)

    def step(self, step: int) -> dict[str, Any]:
        """One update; returns what to log. `step` counts from 0 in the phase.

        Raises:
            DramaError: the loss is not finite, or the gradient in too many steps in a row.
        """
        begin = time.monotonic()
        data, settings, number = self.phase.data, self.phase.settings, self.phase.first + step + 1
        plan = self.sampler.plan(step)
        batch = draw_batch(data.examples, plan.rows, settings.batch.negatives, self.seed, step)
        tokens = [cut(data.queries[row], settings.batch.query_length) for row in batch.examples]
        tokens += [cut(data.documents[i], plan.document_length) for i in batch.documents]
        forward = Forward(self.retriever, tokens, self.compute, self.world)
        examples = [data.examples[row] for row in batch.examples]
        loss, parts = self.objective.loss(batch, examples, forward.vectors_TD)
        if not math.isfinite(loss.item()):
            raise DramaError(f"train: the loss is {loss.item()} at step {number}", hint=_HINT)
        loss.backward()  # type: ignore[no-untyped-call]
        forward.finish()
        self.world.sum_gradients(self.retriever.parameters())
        rate, norm = self.optimiser.step(step)
        update = self.guard.event(norm, number)
        self.objective.after_update()
        return {
            "step": number,
            "loss": round(loss.item(), 6),
            **parts,
            "learning_rate": settings.optimiser.learning_rate * rate,
            **update,
            "queries": len(batch.examples),
            "document_length": plan.document_length,
            "tokens": sum(map(len, tokens)),
            "padding": round(forward.padding, 4),
            "computed_twice": forward.computed_twice,
            "seconds": round(time.monotonic() - begin, 3),
        }

    def weights(self) -> dict[str, torch.Tensor]:
        """The model's tensors, unsharded. Where they are sharded, all processes must call this."""
        found = {f"model.{k}": v for k, v in self.retriever.backbone.state_dict().items()}
        if self.retriever.head is not None:
            found["head"] = self.retriever.head.weight
        return unshard(found)

    def load_weights(self, tensors: dict[str, torch.Tensor], into: Retriever | None = None) -> None:
        """Load what `weights` returned into our model, or another of its shape; other names are ignored."""
        target = into or self.retriever
        own = target.backbone.state_dict()
        model = {k: shard_like(tensors[f"model.{k}"], tensor) for k, tensor in own.items()}
        target.backbone.load_state_dict(model)
        if target.head is not None:
            target.head.load_state_dict({"weight": tensors["head"]})

    def unsharded_model(self, plain: Retriever, weights: dict[str, torch.Tensor]) -> Retriever:
        """Load unsharded weights into a retriever whose layers are not sharded: our own, or a new one."""
        if self.lora is not None:
            add_factors(plain.backbone, self.lora, self.seed)
        plain.head = self.retriever.head
        self.load_weights(weights, plain)
        return plain

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors a checkpoint needs."""
        return self.weights() | self.objective.state() | self.optimiser.tensors()

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Resume from a checkpoint."""
        self.load_weights(tensors)
        self.objective.load(tensors)
        self.optimiser.load(tensors)
