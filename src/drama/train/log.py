"""A run's reports: events.jsonl, TensorBoard, and the manifest's figures."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drama.errors import MissingExtraError
from drama.retriever import Retriever
from drama.retriever.backbone import parameters_without_embeddings
from drama.train.losses.health import suspicions
from drama.workspace import EventLog, read_events

EVENTS = "events.jsonl"


class Log:
    """`events.jsonl` up to step `after`, continued; and the same numbers for TensorBoard in `tensorboard/`,
    written by tensorboardX, which does not need TensorBoard.

    Raises:
        MissingExtraError: tensorboardX is not installed.
    """

    def __init__(self, out: Path, after: int, tensorboard: bool) -> None:
        self._events = EventLog(out / EVENTS, after)
        self._writer: Any = None
        if tensorboard:
            try:
                from tensorboardX import SummaryWriter
            except ImportError:
                raise MissingExtraError("tensorboardX", "tensorboard") from None
            shutil.rmtree(out / "tensorboard", ignore_errors=True)
            self._writer = SummaryWriter(str(out / "tensorboard"))
            for event in read_events(out / EVENTS):
                self._show(event)

    def write(self, event: dict[str, Any]) -> None:
        """Append one step's event."""
        self._events.write(event)
        if self._writer is not None:
            self._show(event)

    def close(self) -> None:
        """Close the files; everything is on disk when this returns."""
        self._events.close()
        if self._writer is not None:
            self._writer.close()

    def _show(self, event: Mapping[str, Any]) -> None:
        for name, value in numbers(event):
            self._writer.add_scalar(name, value, event["step"])


def show_finished(out: Path) -> None:
    """Write the numbers of a finished run for TensorBoard, unless they are there."""
    if not (out / "tensorboard").is_dir():
        last = max((event["step"] for event in read_events(out / EVENTS)), default=0)
        Log(out, last, tensorboard=True).close()


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


def figures(events: Sequence[Mapping[str, Any]], retriever: Retriever, steps: int) -> dict[str, Any]:
    """The manifest's figures of a finished run, from its events; `steps` is the number requested."""
    tail = events[-max(1, len(events) // 10) :]
    seconds, tokens, queries = (sum(e[key] for e in events) for key in ("seconds", "tokens", "queries"))
    found = {
        "parameters": sum(p.numel() for p in retriever.backbone.parameters()),
        "parameters_without_embeddings": parameters_without_embeddings(retriever.backbone),
        "loss_first": events[0]["loss"],
        "loss_last_tenth": round(sum(e["loss"] for e in tail) / len(tail), 4),
        "tokens": tokens,
        "tokens_per_second": round(tokens / max(seconds, 1e-9), 1),
        "pairs_per_second": round(queries / max(seconds, 1e-9), 2),
        "padding": round(sum(e["padding"] for e in events) / len(events), 4),
        "masked_negatives": sum(e["masked"] for e in events),
        "masked_share": round(sum(e["masked_share"] for e in events) / len(events), 6),
        "mean_cosine": events[-1]["mean_cosine"],
    }
    if skipped := sum(e.get("skipped", 0) for e in events):
        found["updates_skipped"] = skipped
    warnings = suspicions(events, steps)
    return found | ({"warnings": list(warnings.values())} if warnings else {})
