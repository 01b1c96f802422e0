"""The training loop that mask learning and recovery share: a step depends on (state, seed, step) only."""

import math
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch

from drama.compute import (
    Guard,
    World,
    clip,
    load_checkpoint,
    load_optimisers,
    optimiser_state,
    save_checkpoint,
    schedule,
    shard_layers,
    shard_like,
    unshard,
)
from drama.compute.optimisers import norm_of_rest
from drama.console import note, progress
from drama.errors import DramaError
from drama.prune.learn.domains import Mixture
from drama.prune.learn.losses import held_out_loss
from drama.prune.learn.settings import UpdateSettings
from drama.workspace import EventLog


class Learner:
    """Trains the weights of a causal LM, in place, by AdamW; a subclass says on which loss.

    Args:
        model: on its device.
        settings: the subclass's section.
        world: the processes that work on a batch together.
        shard: whether the layers are split over them.
    """

    name: ClassVar[str]
    hint: ClassVar[str]
    """For the error where the loss is not finite."""

    def __init__(self, model: Any, settings: UpdateSettings, world: World | None, shard: bool) -> None:
        self.model, self.settings = model, settings
        self.world = world or World()
        self.sharded = shard
        if settings.gradient_checkpointing:
            model.train().gradient_checkpointing_enable({"use_reentrant": False})
        if shard:
            shard_layers(model.model.layers, model.device)
        self.optimisers: list[torch.optim.Optimizer] = []
        self.rates: list[float] = []
        self.optimise(model.parameters(), settings.learning_rate)
        self.guard = Guard(f"prune: {self.name}", f"{self.hint}; precision: fp32 overflows later than bf16")

    def optimise(self, parameters: Iterable[torch.Tensor], rate: float) -> None:
        """Update these too, at this peak rate."""
        options: dict[str, Any] = {"weight_decay": 0.0, "foreach": False if self.sharded else None}
        adamw = torch.optim.AdamW(parameters, betas=(0.9, 0.95), **options)
        self.optimisers.append(adamw)
        self.rates.append(rate)

    def backward(self, rows_BL: torch.Tensor, step: int) -> dict[str, Any]:
        """Compute the gradients of the whole batch; this process computes its own rows. Returns what to log:
        `loss` and its parts."""
        raise NotImplementedError

    def lm_loss(self, rows_RL: torch.Tensor, step: int) -> float:
        """Mean LM loss a token at this step, without gradient."""
        return held_out_loss(self.model, rows_RL)

    def step(self, share: float) -> float:
        """Clip, update at this share of the peak rates, clear. Returns the gradient's norm.

        Where any gradient is not finite nothing is updated, and neither is the norm.
        """
        rest = (p for o in self.optimisers[1:] for group in o.param_groups for p in group["params"])
        norm = clip(self.model.parameters(), 1.0) + norm_of_rest(rest)
        for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * share
            if math.isfinite(norm):
                optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return norm

    def extra_state(self) -> dict[str, torch.Tensor]:
        """Trained tensors that are not in the model."""
        return {}

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors that a checkpoint needs, unsharded. All processes must call this."""
        weights = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        return unshard(weights | self.extra_state() | optimiser_state(self.optimisers))

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Resume from what `state` returned."""
        own = self.model.state_dict()
        self.model.load_state_dict(
            {name: shard_like(tensors[f"model.{name}"], tensor) for name, tensor in own.items()}
        )
        with torch.no_grad():
            for name, tensor in self.extra_state().items():
                tensor.copy_(tensors[name])
        load_optimisers(self.optimisers, tensors)


class Log(NamedTuple):
    """Where the steps of a learner are written."""

    events: Path
    checkpoints: Path
    before: int
    """Steps of other learners that are in `events` already."""


def update(learner: Learner, mixture: Mixture, log: Log, seed: int) -> None:
    """Run all steps on batches of the mixture. Resumes from the newest checkpoint; the result is that of an
    uninterrupted run.

    Raises:
        DramaError: the loss is not finite, or the batch can't be split over the processes.
    """
    settings = learner.settings
    _check_batch(learner)
    start = _resume(learner, mixture, log)
    events = EventLog(log.events, after=log.before + start) if learner.world.is_main else None
    with progress(learner.name, settings.steps) as bar:
        bar.advance(start)
        for step in range(start, settings.steps):
            begin = time.monotonic()
            event = _step(learner, mixture, step, log.before, seed)
            if mixture.due(step, settings.shares_every):
                event |= _move_shares(learner, mixture, step)
            bar.advance(1, f"loss {event['loss']:.3f}")
            if events is not None:
                events.write({**event, "seconds": round(time.monotonic() - begin, 3)})
            if (step + 1) % settings.checkpoint_every == 0 and step + 1 < settings.steps:
                state = learner.state() | mixture.state()
                if events is not None:
                    save_checkpoint(log.checkpoints, step + 1, state)
    if events is not None:
        events.close()


def _check_batch(learner: Learner) -> None:
    size, processes = learner.settings.batch_size, learner.world.size
    if size < processes or (learner.sharded and size % processes):
        wrong = "is below" if size < processes else "is not a multiple of"
        raise DramaError(
            f"prune.{learner.name}.batch_size: {size} {wrong} the {processes} processes",
            hint="raise it, or start fewer processes",
        )


def _resume(learner: Learner, mixture: Mixture, log: Log) -> int:
    """Load the newest checkpoint; returns the steps that are done."""
    found = load_checkpoint(log.checkpoints, learner.world)
    if found is None:
        return 0
    start, tensors = found
    mixture.load(tensors)
    learner.load(tensors)
    note(f"prune: {learner.name} resumes after step {start}")
    return start


def _step(learner: Learner, mixture: Mixture, step: int, before: int, seed: int) -> dict[str, Any]:
    """One update; returns its event."""
    settings = learner.settings
    generator = torch.Generator().manual_seed(seed * 1_000_003 + before + step)
    parts = learner.backward(mixture.batch(settings.batch_size, generator), step)
    if not math.isfinite(parts["loss"]):
        raise DramaError(
            f"prune: the loss of {learner.name} is {parts['loss']} at step {step + 1}", hint=learner.hint
        )
    share = schedule(step, settings.steps, settings.warmup)
    norm = learner.step(share)
    return {
        "step": before + step + 1,
        "phase": learner.name,
        **parts,
        "learning_rate": settings.learning_rate * share,
        **learner.guard.event(norm, step + 1),
        "tokens": settings.batch_size * mixture.length,
    }


def _move_shares(learner: Learner, mixture: Mixture, step: int) -> dict[str, Any]:
    """Update the mixture by the learner's losses; returns both for the event."""
    values = learner.world.broadcast([learner.lm_loss(rows, step) for rows in mixture.probes.values()])
    losses = dict(zip(mixture.probes, values, strict=True))
    mixture.update(losses)
    return {
        "domain_losses": {name: round(loss, 4) for name, loss in losses.items()},
        "domain_shares": mixture.shares(),
    }
