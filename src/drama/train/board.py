"""The numbers of events.jsonl for TensorBoard, written by tensorboardX (which needs no TensorBoard)."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter


def numbers(event: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """An event's numbers by name; those of a section as `section/name`, with `_` for `@`.

    >>> dict(numbers({"step": 3, "loss": 0.5, "held_out": {"RR@10": 0.25}}))
    {'loss': 0.5, 'held_out/RR_10': 0.25}
    """
    for name, value in event.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{inner}".replace("@", "_"), each) for inner, each in value.items())
        elif name != "step":
            yield name, value


class Board:
    """A folder that TensorBoard shows.

    Args:
        folder: where its file goes; what stands there is replaced.
        before: the events of a run that goes on. They are written again: a kill loses what was not on disk.
    """

    def __init__(self, folder: Path, before: Iterable[Mapping[str, Any]]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._writer = SummaryWriter(str(folder))
        for event in before:
            self.write(event)

    def write(self, event: Mapping[str, Any]) -> None:
        """One step's numbers."""
        for name, value in numbers(event):
            self._writer.add_scalar(name, value, event["step"])

    def close(self) -> None:
        """Everything is on disk when this returns."""
        self._writer.close()
