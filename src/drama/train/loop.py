"""The steps of a run: logged, measured, saved, and stopped early when they no longer help."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from drama.compute import (
    World,
    average,
    checkpoint_steps,
    keep_checkpoints,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
)
from drama.console import note, progress, warn
from drama.errors import FileError
from drama.retriever import Retriever
from drama.train.backbone import no_dropout
from drama.train.log import Log
from drama.train.losses.health import WINDOW, suspicions
from drama.train.phases import Phase
from drama.train.settings import TrainSettings
from drama.train.trainer import Trainer
from drama.train.validation.settings import best_of, exhausted
from drama.train.validation.validator import Validator

CHECKPOINTS = "checkpoints"
BEST = "best"
_HISTORY = "history"
"""The measurements up to a checkpoint, [M, 2]: step and value."""


@dataclass
class Loop:
    """The steps of one run in its folder."""

    retriever: Retriever
    """The model, trained in place."""
    phases: Sequence[Phase]
    settings: TrainSettings
    seed: int
    world: World
    out: Path
    """The stage's folder."""
    validator: Validator | None

    def __post_init__(self) -> None:
        self.phase = 0
        self.trainer = self._trainer()
        self.history: list[tuple[int, float]] = []
        """Step and value of each measurement; higher is better."""
        self.recent: deque[dict[str, Any]] = deque(maxlen=WINDOW)
        self.warned: set[str] = set()

    def run(self) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
        """Continue from the last checkpoint to the end.

        Returns the model's weights, on the main process, and figures of how the run ended.
        """
        s, done = self.settings, self._resume()
        log = Log(self.out, done, s.tensorboard) if self.world.is_main else None
        with no_dropout(self.retriever.backbone.train()), progress("train", s.steps) as bar:
            bar.advance(done)
            while done < s.steps and not self._is_over():
                self._enter_phase(done)
                event = self.trainer.step(done - self.phases[self.phase].first)
                done += 1
                event |= {"phase": self.phase + 1} if s.phases else {}
                event |= self._measured(done)
                self._watch(event)
                if log is not None:
                    log.write(event)
                if done % s.checkpoint_every == 0 and done < s.steps:
                    self._checkpoint(done)
                rate = event["tokens"] / event["seconds"]
                bar.advance(1, f"loss {event['loss']:.3f}, {rate:.0f} tokens/s")
        if log is not None:
            log.close()
        return self._ending(done)

    def _trainer(self) -> Trainer:
        s = self.settings
        return Trainer(self.retriever, self.phases[self.phase], s.compute, s.lora, self.seed, self.world)

    def _resume(self) -> int:
        """Load the last checkpoint; returns the number of steps done."""
        found = load_checkpoint(self.out / CHECKPOINTS, self.world)
        if found is None:
            return 0
        done, tensors = found
        self._enter_phase(done)
        if done > self.phases[self.phase].first:
            self.trainer.load(tensors)
        else:  # that was the last step of the previous phase
            self.trainer.load_weights(tensors)
        self.history = [(int(step), value) for step, value in tensors[_HISTORY].tolist()]
        note(f"train: resuming after step {done}")
        return done

    def _enter_phase(self, done: int) -> None:
        """Switch to the phase of the step after `done`, with a new trainer."""
        due = sum(phase.first <= done for phase in self.phases) - 1
        if due != self.phase:
            self.phase = due
            self.trainer = self._trainer()

    def _checkpoint(self, done: int) -> None:
        """Save everything that the next step depends on; sharded tensors are a collective call."""
        if self.world.is_main or self.settings.compute.shard:
            state = self.trainer.state()
            if self.world.is_main:
                state[_HISTORY] = torch.tensor(self.history, dtype=torch.float64).reshape(-1, 2)
                save_checkpoint(self.out / CHECKPOINTS, done, state, max(2, self.settings.average - 1))
                self._drop_bests()

    def _drop_bests(self) -> None:
        """Drop the best weights that no run needs any more: neither this one, nor one that goes on from any
        of the checkpoints, which knows the measurements up to its step only."""
        steps = checkpoint_steps(self.out / CHECKPOINTS)
        needed = [[measured for measured in self.history if measured[0] <= step] for step in steps]
        best = {best_of(history)[0] for history in (*needed, self.history) if history}
        keep_checkpoints(self.out / BEST, best)

    def _ending(self, done: int) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
        s, chosen = self.settings, self.settings.validation
        weights = self.trainer.weights()  # a collective call where layers are sharded
        found: dict[str, object] = {} if done == s.steps else {"ended_early_after": done}
        if chosen is not None and self.history:
            step, value = best_of(self.history)
            found |= {"best_step": step, "best_measure": abs(value)}
            if chosen.keep == "best" and self.world.is_main:
                weights = self._best(step)
        if s.average > 1 and self.world.is_main:
            steps = checkpoint_steps(self.out / CHECKPOINTS)[1 - s.average :]
            weights = average(weights, self.out / CHECKPOINTS, steps)
            found["averaged"] = 1 + len(steps)
        return weights, found

    def _watch(self, event: dict[str, Any]) -> None:
        """Warn of anything suspicious, once for each kind."""
        self.recent.append(event)
        for kind, message in suspicions(self.recent, self.settings.steps).items():
            if kind not in self.warned:
                warn(f"train: step {event['step']}: {message}")
                self.warned.add(kind)

    def _is_over(self) -> bool:
        """Whether nothing has improved for too long."""
        chosen = self.settings.validation
        if chosen is None or chosen.patience is None:
            return False
        stop = self.world.broadcast_flag(exhausted(self.history, chosen.patience))
        if stop:
            note(f"train: stopped early, no better measurement than at step {best_of(self.history)[0]}")
        return stop

    def _measured(self, done: int) -> dict[str, Any]:
        """The measurements due after a step; the best weights so far are saved."""
        chosen = self.settings.validation
        if self.validator is None or chosen is None or (done % chosen.every and done < self.settings.steps):
            return {}
        found = self.validator.measure()
        value = chosen.value(found)
        assert value is not None
        better = self.world.broadcast_flag(not self.history or value > best_of(self.history)[1])
        self.history.append((done, value))
        if better and chosen.keep == "best":
            weights = self.trainer.weights()
            if self.world.is_main:
                save_checkpoint(self.out / BEST, done, weights, kept=None)
                self._drop_bests()
        note(f"train: step {done}, {chosen.measure} {abs(value):.4f}{' (best so far)' if better else ''}")
        return found

    def _best(self, step: int) -> dict[str, torch.Tensor]:
        """The weights saved after a step."""
        found = read_checkpoint(self.out / BEST, step)
        if found is None:
            raise FileError(
                self.out / BEST,
                f"can't read the weights of step {step}",
                hint=f"remove {self.out} to train again, or set train.validation.keep: last",
            )
        return found
