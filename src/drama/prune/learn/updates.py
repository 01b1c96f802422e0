"""The loop of learning masks and of recovery: one step is a function of (state, seed, step number)."""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch

from drama.compute import World, load_checkpoint, save_checkpoint, schedule
from drama.console import note, progress
from drama.errors import DramaError
from drama.prune.learn.domains import Mixture
from drama.prune.settings import UpdateSettings
from drama.workspace import EventLog


class Learner(Protocol):
    """What is updated."""

    name: str
    hint: str
    """What to lower where the loss is no number any more."""
    world: World
    split: bool
    """Whether its layers are split over the processes."""

    def backward(self, rows_BL: torch.Tensor, step: int) -> dict[str, Any]:
        """Make the gradients of the whole batch, of which this process computes its rows. Returns what to
        log: `loss` and its parts."""

    def lm_loss(self, rows_RL: torch.Tensor, step: int) -> float:
        """Mean LM loss a token as it is at this step, without gradient."""

    def step(self, share: float) -> float:
        """Clip, update at this share of the peak learning rate, clear. Returns the gradient's norm."""

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors that a checkpoint needs, whole. All processes must call this."""

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take back what `state` gave."""


class Log(NamedTuple):
    """Where a learner's steps are written."""

    events: Path
    checkpoints: Path
    before: int
    """Steps in `events` that other learners made."""


def update(learner: Learner, mixture: Mixture, settings: UpdateSettings, log: Log, seed: int) -> None:
    """Make all steps, on batches of the mixture; goes on from the newest checkpoint to the same state as an
    uninterrupted run.

    Raises:
        DramaError: the loss is not a number any more, or the rows of a batch don't go round.
    """
    start, world = 0, learner.world
    size = settings.batch_size
    if size < world.size or (learner.split and size % world.size):
        wrong = "is below" if size < world.size else "is not a multiple of"
        raise DramaError(
            f"prune.{learner.name}.batch_size: {size} {wrong} the {world.size} processes",
            hint="raise it, or start fewer processes",
        )
    found = load_checkpoint(log.checkpoints)
    if found is not None:
        start, tensors = found
        mixture.shares_K = tensors.pop("domain_shares")
        learner.load(tensors)
        note(f"prune: {learner.name} goes on after step {start}")
    events = EventLog(log.events, after=log.before + start) if world.is_main else None
    with progress(learner.name, settings.steps) as bar:
        bar.advance(start)
        for step in range(start, settings.steps):
            begin = time.monotonic()
            generator = torch.Generator().manual_seed(seed * 1_000_003 + log.before + step)
            parts = learner.backward(mixture.batch(settings.batch_size, generator), step)
            if not math.isfinite(parts["loss"]):
                raise DramaError(
                    f"prune: the loss of {learner.name} is {parts['loss']} at step {step + 1}",
                    hint=learner.hint,
                )
            share = schedule(step, settings.steps, settings.warmup)
            norm = learner.step(share)
            event = {
                "step": log.before + step + 1,
                "phase": learner.name,
                **parts,
                "learning_rate": settings.learning_rate * share,
                "gradient_norm": round(norm, 4),
                "tokens": settings.batch_size * mixture.length,
            }
            if mixture.due(step):
                values = world.broadcast([learner.lm_loss(rows, step) for rows in mixture.probes.values()])
                found_losses = dict(zip(mixture.probes, values, strict=True))
                mixture.update(found_losses)
                event["domain_losses"] = {name: round(loss, 4) for name, loss in found_losses.items()}
                event["domain_shares"] = mixture.shares()
            bar.advance(1, f"loss {parts['loss']:.3f}")
            if events is not None:
                events.write({**event, "seconds": round(time.monotonic() - begin, 3)})
            if (step + 1) % settings.checkpoint_every == 0 and step + 1 < settings.steps:
                state = learner.state() | {"domain_shares": mixture.shares_K}
                if events is not None:
                    save_checkpoint(log.checkpoints, step + 1, state)
    if events is not None:
        events.close()
