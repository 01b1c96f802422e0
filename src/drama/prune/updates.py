"""The loop of learning masks and of recovery: one step is a function of (state, seed, step number)."""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch

from drama.console import note, progress
from drama.errors import DramaError
from drama.prune.settings import UpdateSettings
from drama.workspace import EventLog
from drama.workspace.checkpoint import load_checkpoint, save_checkpoint
from drama.workspace.schedule import schedule


class Learner(Protocol):
    """What is updated."""

    name: str
    hint: str
    """What to lower where the loss is no number any more."""

    def losses(self, rows_BL: torch.Tensor, step: int) -> tuple[torch.Tensor, dict[str, Any]]:
        """(loss with gradient, what to log of it)."""

    def step(self, share: float) -> float:
        """Clip, update at this share of the peak learning rate, clear. Returns the gradient's norm."""

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors that a checkpoint needs."""

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take back what `state` gave."""


class Log(NamedTuple):
    """Where a learner's steps are written."""

    events: Path
    checkpoints: Path
    before: int
    """Steps in `events` that other learners made."""


def update(learner: Learner, rows_RL: torch.Tensor, settings: UpdateSettings, log: Log, seed: int) -> None:
    """Make all steps; goes on from the newest checkpoint to the same state as an uninterrupted run.

    Raises:
        DramaError: the loss is not a number any more.
    """
    start = 0
    found = load_checkpoint(log.checkpoints)
    if found is not None:
        start, tensors = found
        learner.load(tensors)
        note(f"prune: {learner.name} goes on after step {start}")
    events = EventLog(log.events, after=log.before + start)
    with progress(learner.name, settings.steps) as bar:
        bar.advance(start)
        for step in range(start, settings.steps):
            begin = time.monotonic()
            generator = torch.Generator().manual_seed(seed * 1_000_003 + log.before + step)
            picked = torch.randint(len(rows_RL), (settings.batch_size,), generator=generator)
            loss, parts = learner.losses(rows_RL[picked], step)
            if not math.isfinite(loss.item()):
                raise DramaError(
                    f"prune: the loss of {learner.name} is {loss.item()} at step {step + 1}",
                    hint=learner.hint,
                )
            loss.backward()  # type: ignore[no-untyped-call]
            share = schedule(step, settings.steps, settings.warmup)
            norm = learner.step(share)
            events.write(
                {
                    "step": log.before + step + 1,
                    "phase": learner.name,
                    "loss": round(loss.item(), 6),
                    **parts,
                    "learning_rate": settings.learning_rate * share,
                    "gradient_norm": round(norm, 4),
                    "tokens": settings.batch_size * rows_RL.shape[1],
                    "seconds": round(time.monotonic() - begin, 3),
                }
            )
            bar.advance(1, f"loss {loss.item():.3f}")
            if (step + 1) % settings.checkpoint_every == 0 and step + 1 < settings.steps:
                save_checkpoint(log.checkpoints, step + 1, learner.state())
    events.close()


def model_state(model: Any) -> dict[str, torch.Tensor]:
    """A model's weights, named as in a checkpoint."""
    return {f"model.{k}": v for k, v in model.state_dict().items()}


def restore(model: Any, tensors: dict[str, torch.Tensor]) -> None:
    """The weights that `model_state` named."""
    prefix = "model."
    model.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
