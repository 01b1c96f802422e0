"""The steps of a run: logged, measured, saved, and ended early where they no longer help."""

from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

from drama.console import Bar, note, progress, warn
from drama.errors import FileError
from drama.train.board import Board
from drama.train.health import WINDOW, suspicions
from drama.train.settings import TrainSettings
from drama.train.trainer import Trainer
from drama.train.validation import best_of, exhausted
from drama.train.validator import Validator
from drama.workspace import EventLog, read_events
from drama.workspace.checkpoint import load_checkpoint, save_checkpoint

CHECKPOINTS = "checkpoints"
BEST = "best"


class Ending(NamedTuple):
    """How the steps ended."""

    steps: int
    """Steps that were done."""
    best: tuple[int, float] | None
    """Step and value of the best measurement, where any was made; higher is better."""


class Loop:
    """The steps of one run in its folder.

    Args:
        trainer: makes the steps.
        settings: the `train` section.
        out: the stage's folder.
        validator: measures, where `settings.validation` asks for it.
    """

    def __init__(self, trainer: Trainer, settings: TrainSettings, out: Path, validator: Validator | None):
        self.trainer, self.settings, self.out, self.validator = trainer, settings, out, validator
        self.first = trainer.world.rank == 0
        self.history: list[tuple[int, float]] = []
        self.recent: deque[dict[str, Any]] = deque(maxlen=WINDOW)
        self.warned: set[str] = set()

    def run(self) -> Ending:
        """Go on from the last checkpoint to the end; the trainer then holds the weights of the model."""
        s, done = self.settings, 0
        found = load_checkpoint(self.out / CHECKPOINTS)
        if found is not None:
            done, tensors = found
            self.trainer.load(tensors)
            self._remember(done)
            note(f"train: going on after step {done}")
        log = _Log(self.out, done, s.tensorboard) if self.first else None
        patience = s.validation.patience if s.validation else None
        self.trainer.retriever.backbone.train()
        with progress("train", s.steps) as bar:
            bar.advance(done)
            while done < s.steps and not self._agree(exhausted(self.history, patience)):
                event = self.trainer.step(done)
                done += 1
                event |= self._measured(done)
                self._watch(event)
                if log is not None:
                    log.write(event)
                    if done % s.checkpoint_every == 0 and done < s.steps:
                        save_checkpoint(self.out / CHECKPOINTS, done, self.trainer.state())
                _show(bar, event)
        if log is not None:
            log.close()
        best = best_of(self.history) if self.history else None
        if best is not None and s.validation is not None and s.validation.keep == "best" and self.first:
            self._take_back(best[0])
        return Ending(done, best)

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

    def _agree(self, stop: bool) -> bool:
        stop = self.trainer.world.agree(stop)
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
        better = not self.history or value > best_of(self.history)[1]
        self.history.append((done, value))
        if better and chosen.keep == "best" and self.first:
            save_checkpoint(self.out / BEST, done, self.trainer.weights())
        note(f"train: step {done}, {chosen.measure} {abs(value):.4f}{' (best so far)' if better else ''}")
        return found

    def _take_back(self, step: int) -> None:
        found = load_checkpoint(self.out / BEST)
        if found is None or found[0] != step:
            raise FileError(
                self.out / BEST, f"the weights of step {step} can't be read", hint="remove the stage's folder"
            )
        self.trainer.load_weights(found[1])


class _Log:
    """events.jsonl, and the board beside it where the settings ask for one."""

    def __init__(self, out: Path, after: int, board: bool) -> None:
        self._events = EventLog(out / "events.jsonl", after)
        self._board = Board(out / "tensorboard", read_events(out / "events.jsonl")) if board else None

    def write(self, event: dict[str, Any]) -> None:
        self._events.write(event)
        if self._board is not None:
            self._board.write(event)

    def close(self) -> None:
        self._events.close()
        if self._board is not None:
            self._board.close()


def _show(bar: Bar, event: dict[str, Any]) -> None:
    bar.advance(1, f"loss {event['loss']:.3f}, {event['tokens'] / event['seconds']:.0f} tokens/s")
