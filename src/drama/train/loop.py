"""The steps of a run: logged, measured, saved, and ended early where they no longer help."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from drama.compute import World, average, checkpoint_files, load_checkpoint, save_checkpoint
from drama.console import Bar, note, progress, warn
from drama.errors import FileError
from drama.train.board import Board
from drama.train.dropout import no_dropout
from drama.train.losses.health import WINDOW, suspicions
from drama.train.settings import TrainSettings
from drama.train.trainer import Trainer
from drama.train.validation.settings import best_of, exhausted
from drama.train.validation.validator import Validator
from drama.workspace import EventLog, read_events

CHECKPOINTS = "checkpoints"
BEST = "best"


class Ending(NamedTuple):
    """How the steps ended."""

    steps: int
    """Steps that were done."""
    best: tuple[int, float] | None
    """Step and value of the best measurement, where any was made; higher is better."""
    averaged: int
    """Weights that the model is the mean of."""
    weights: dict[str, torch.Tensor]
    """The model's; on the first process."""


class Phase(NamedTuple):
    """A part of a run."""

    first: int
    """Its first step."""
    trainer: Callable[[], Trainer]
    """Makes its steps, which it counts from 0."""


class Loop:
    """The steps of one run in its folder.

    Args:
        phases: the run's parts, in order.
        world: the processes that work on it.
        settings: the `train` section.
        out: the stage's folder.
        validator: measures, where `settings.validation` asks for it.
    """

    def __init__(
        self,
        phases: Sequence[Phase],
        world: World,
        settings: TrainSettings,
        out: Path,
        validator: Validator | None,
    ) -> None:
        self.phases, self.world, self.settings, self.out = phases, world, settings, out
        self.validator = validator
        self.trainer = phases[0].trainer()
        self.phase = 0
        self.history: list[tuple[int, float]] = []
        self.recent: deque[dict[str, Any]] = deque(maxlen=WINDOW)
        self.warned: set[str] = set()

    def run(self) -> Ending:
        """Go on from the last checkpoint to the end."""
        s, done = self.settings, self._go_on()
        log = _Log(self.out, done) if self.world.rank == 0 else None
        backbone = self.trainer.retriever.backbone.train()
        with no_dropout(backbone), progress("train", s.steps) as bar:
            bar.advance(done)
            while done < s.steps and not self._is_over():
                self._enter(done)
                event = self.trainer.step(done - self.phases[self.phase].first)
                done += 1
                event |= {"phase": self.phase + 1} if s.phases else {}
                event |= self._measured(done)
                self._watch(event)
                if log is not None:
                    log.write(event)
                if done % s.checkpoint_every == 0 and done < s.steps and (s.shard or log is not None):
                    state = self.trainer.state()
                    if log is not None:
                        save_checkpoint(self.out / CHECKPOINTS, done, state, max(2, s.average - 1))
                _show(bar, event)
        if log is not None:
            log.close()
        return self._ending(done)

    def _go_on(self) -> int:
        """Load the last checkpoint; returns the steps that it has."""
        found = load_checkpoint(self.out / CHECKPOINTS)
        if found is None:
            return 0
        done, tensors = found
        self._enter(done)
        if done > self.phases[self.phase].first:
            self.trainer.load(tensors)
        else:  # it was the former phase's last
            self.trainer.load_weights(tensors)
        self._remember(done)
        note(f"train: going on after step {done}")
        return done

    def _enter(self, done: int) -> None:
        """Have the trainer of the phase that makes the step behind `done`."""
        due = sum(phase.first <= done for phase in self.phases) - 1
        if due != self.phase:
            self.trainer, self.phase = self.phases[due].trainer(), due

    def _ending(self, done: int) -> Ending:
        s = self.settings
        best = best_of(self.history) if self.history else None
        weights = self.trainer.weights()  # of split layers: by all processes together
        if self.world.rank > 0:
            return Ending(done, best, 1, weights)
        if best is not None and s.validation is not None and s.validation.keep == "best":
            weights = self._best(best[0])
        files = checkpoint_files(self.out / CHECKPOINTS)[-(s.average - 1) :] if s.average > 1 else []
        return Ending(done, best, 1 + len(files), average(weights, files) if files else weights)

    def _watch(self, event: dict[str, Any]) -> None:
        """Warn of a suspicious course, of each kind once."""
        self.recent.append(event)
        for kind, message in suspicions(self.recent, self.settings.steps).items():
            if kind not in self.warned:
                warn(f"train: step {event['step']}: {message}")
                self.warned.add(kind)

    def _remember(self, done: int) -> None:
        """What was measured up to a step, from the log."""
        if self.settings.validation is None:
            return
        for event in read_events(self.out / "events.jsonl"):
            value = self.settings.validation.value(event)
            if value is not None and event["step"] <= done:
                self.history.append((event["step"], value))

    def _is_over(self) -> bool:
        """Whether nothing has got better for too long."""
        chosen = self.settings.validation
        if chosen is None or chosen.patience is None:
            return False
        stop = self.world.broadcast_flag(exhausted(self.history, chosen.patience))
        if stop:
            note(f"train: no better measurement than at step {best_of(self.history)[0]}, ended early")
        return stop

    def _measured(self, done: int) -> dict[str, Any]:
        """The measurements due after a step; better weights than ever are put aside."""
        chosen = self.settings.validation
        if self.validator is None or chosen is None:
            return {}
        if done % chosen.every and done < self.settings.steps:
            return {}
        found = self.validator.measure()
        value = chosen.value(found)
        assert value is not None
        better = self.world.broadcast_flag(not self.history or value > best_of(self.history)[1])
        self.history.append((done, value))
        if better and chosen.keep == "best":
            weights = self.trainer.weights()
            if self.world.rank == 0:
                save_checkpoint(self.out / BEST, done, weights)
        note(f"train: step {done}, {chosen.measure} {abs(value):.4f}{' (best so far)' if better else ''}")
        return found

    def _best(self, step: int) -> dict[str, torch.Tensor]:
        """The weights that were put aside after a step."""
        found = load_checkpoint(self.out / BEST)
        if found is None or found[0] != step:
            raise FileError(
                self.out / BEST, f"the weights of step {step} can't be read", hint="remove the stage's folder"
            )
        return found[1]


class _Log:
    """events.jsonl, and the board beside it."""

    def __init__(self, out: Path, after: int) -> None:
        self._events = EventLog(out / "events.jsonl", after)
        self._board = Board(out / "tensorboard", read_events(out / "events.jsonl"))

    def write(self, event: dict[str, Any]) -> None:
        self._events.write(event)
        self._board.write(event)

    def close(self) -> None:
        self._events.close()
        self._board.close()


def _show(bar: Bar, event: dict[str, Any]) -> None:
    bar.advance(1, f"loss {event['loss']:.3f}, {event['tokens'] / event['seconds']:.0f} tokens/s")
