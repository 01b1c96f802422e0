"""The loop of learning masks and of recovery: one step is a function of (state, seed, step number)."""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch

from drama.console import note, progress
from drama.errors import DramaError
from drama.prune.domains import Mixture
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

    def lm_loss(self, rows_RL: torch.Tensor, step: int) -> float:
        """Mean LM loss a token as it is at this step, without gradient."""

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


def update(learner: Learner, mixture: Mixture, settings: UpdateSettings, log: Log, seed: int) -> None:
    """Make all steps, on batches of the mixture; goes on from the newest checkpoint to the same state as an
    uninterrupted run.

    Raises:
        DramaError: the loss is not a number any more.
    """
    start = 0
    found = load_checkpoint(log.checkpoints)
    if found is not None:
        start, tensors = found
        mixture.shares_K = tensors.pop("domain_shares")
        learner.load(tensors)
        note(f"prune: {learner.name} goes on after step {start}")
    events = EventLog(log.events, after=log.before + start)
    with progress(learner.name, settings.steps) as bar:
        bar.advance(start)
        for step in range(start, settings.steps):
            begin = time.monotonic()
            generator = torch.Generator().manual_seed(seed * 1_000_003 + log.before + step)
            loss, parts = learner.losses(mixture.batch(settings.batch_size, generator), step)
            if not math.isfinite(loss.item()):
                raise DramaError(
                    f"prune: the loss of {learner.name} is {loss.item()} at step {step + 1}",
                    hint=learner.hint,
                )
            loss.backward()  # type: ignore[no-untyped-call]
            share = schedule(step, settings.steps, settings.warmup)
            norm = learner.step(share)
            event = {
                "step": log.before + step + 1,
                "phase": learner.name,
                "loss": round(loss.item(), 6),
                **parts,
                "learning_rate": settings.learning_rate * share,
                "gradient_norm": round(norm, 4),
                "tokens": settings.batch_size * mixture.length,
            }
            if mixture.due(step):
                found_losses = {name: learner.lm_loss(rows, step) for name, rows in mixture.probes.items()}
                mixture.update(found_losses)
                event["domain_losses"] = {name: round(loss, 4) for name, loss in found_losses.items()}
                event["domain_shares"] = mixture.shares()
            events.write({**event, "seconds": round(time.monotonic() - begin, 3)})
            bar.advance(1, f"loss {loss.item():.3f}")
            if (step + 1) % settings.checkpoint_every == 0 and step + 1 < settings.steps:
                state = learner.state() | {"domain_shares": mixture.shares_K}
                save_checkpoint(log.checkpoints, step + 1, state)
    events.close()
