"""Plots as inline SVG."""

import io
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from drama.records.measures import MAIN_MEASURE
from drama.report.tables import short_name

_COLOUR = "#2a6f97"
_SMOOTHED = 20


def bars(results: Sequence[dict[str, Any]], collection: str) -> str:
    """The main measure of every row of a collection."""
    rows = [r for r in results if r["collection"] == collection]
    figure = Figure(figsize=(7, 0.36 * len(rows) + 0.9))
    axis = figure.subplots()
    drawn = axis.barh(range(len(rows)), [r["metrics"][MAIN_MEASURE] for r in rows], color=_COLOUR)
    axis.set_yticks(range(len(rows)), [_label(row) for row in rows], parse_math=False)
    axis.bar_label(drawn, fmt="%.3f", padding=3)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.1)  # room for the label of a full bar
    axis.set_title(f"{MAIN_MEASURE} on {collection}", parse_math=False)
    return _svg(figure)


def widths(results: Sequence[dict[str, Any]], collection: str) -> str | None:
    """The main measure against the width, for models that were reported at several."""
    by_model: dict[str, list[tuple[int, float]]] = {}
    for row in results:
        if row["collection"] == collection and row["dim"] and not row["model"].endswith("+ bm25"):
            by_model.setdefault(row["model"], []).append((row["dim"], row["metrics"][MAIN_MEASURE]))
    several = {m: sorted(points) for m, points in by_model.items() if len(points) > 1}
    if not several:
        return None
    figure = Figure(figsize=(7, 3))
    axis = figure.subplots()
    lines = [axis.plot(*zip(*points, strict=True), marker="o")[0] for points in several.values()]
    axis.set_xticks(sorted({dim for points in several.values() for dim, _ in points}))
    axis.set_xlabel("dimensions")
    axis.set_ylabel(MAIN_MEASURE)
    axis.set_title(f"truncated and renormalised, {collection}", parse_math=False)
    for text in axis.legend(lines, [short_name(m) for m in several]).get_texts():
        text.set_parse_math(False)
    axis.grid(alpha=0.3)
    return _svg(figure)


def loss_curve(events: Sequence[dict[str, Any]], stage: str) -> str:
    """Loss by step, with a running mean."""
    steps, losses = [e["step"] for e in events], [e["loss"] for e in events]
    figure = Figure(figsize=(7, 2.8))
    axis = figure.subplots()
    axis.plot(steps, losses, color=_COLOUR, alpha=0.3)
    mean = [sum(losses[max(0, i - _SMOOTHED) : i]) / min(i, _SMOOTHED) for i in range(1, len(losses) + 1)]
    axis.plot(steps, mean, color=_COLOUR)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("step")
    axis.set_ylabel("loss")
    axis.set_title(f"{stage} (running mean over {_SMOOTHED} steps)")
    axis.grid(alpha=0.3)
    return _svg(figure)


_COURSES: dict[str, Callable[[dict[str, Any]], float]] = {
    "learning rate": lambda event: float(event["learning_rate"]),
    "gradient norm": lambda event: float(event["gradient_norm"]),
    "tokens/s": lambda event: float(event["tokens"]) / float(event["seconds"]),
    "share of padding": lambda event: float(event["padding"]),
    "share of masked negatives": lambda event: float(event["masked_share"]),
    "mean cosine of different texts": lambda event: float(event["mean_cosine"]),
}
_MEASURED = {"held_out": "held out", "judged": "judged"}


def courses(events: Sequence[dict[str, Any]], stage: str) -> str | None:
    """Everything else that the events follow, a small plot each; None where they follow nothing."""
    lines = {title: _course(events, value) for title, value in _COURSES.items()}
    for part, title in _MEASURED.items():
        measured = [(event["step"], event[part]) for event in events if part in event]
        for name in measured[0][1] if measured else ():
            lines[f"{title}: {name}"] = [(step, values[name]) for step, values in measured]
    drawn = {title: points for title, points in lines.items() if points}
    if not drawn:
        return None
    rows = -(-len(drawn) // 3)
    figure = Figure(figsize=(9, 1.9 * rows + 0.4))
    axes = list(figure.subplots(rows, 3, squeeze=False).flat)
    for axis, (title, points) in zip(axes, drawn.items(), strict=False):
        axis.plot(*zip(*points, strict=True), color=_COLOUR, lw=1, marker="." if ":" in title else None)
        axis.set_title(title, fontsize=9)
        axis.tick_params(labelsize=7)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.grid(alpha=0.3)
    for axis in axes[len(drawn) :]:
        axis.remove()
    figure.suptitle(f"{stage}, by step", fontsize=10)
    return _svg(figure)


def _course(
    events: Sequence[dict[str, Any]], value: Callable[[dict[str, Any]], float]
) -> list[tuple[int, float]]:
    """(step, value) of the events that hold what the value needs."""
    points = []
    for event in events:
        with suppress(KeyError, ZeroDivisionError):
            points.append((int(event["step"]), value(event)))
    return points


def histogram(counted: dict[str, Any], title: str) -> str:
    """Share of each name's values by bin; names may hold very different numbers of them."""
    figure = Figure(figsize=(7, 3))
    axis = figure.subplots()
    names = []
    for name, counts in counted["counts"].items():
        total = sum(counts)
        names.append(f"{name} ({total:,})")
        axis.stairs([n / total for n in counts], counted["edges"], linewidth=1.5)
    for text in axis.legend(names, fontsize=8).get_texts():
        text.set_parse_math(False)
    axis.set_ylabel("share")
    axis.set_title(title, parse_math=False)
    axis.grid(alpha=0.3)
    return _svg(figure)


def pruning_curves(events: Sequence[dict[str, Any]]) -> list[str]:
    """Sparsity against its ramp, λ, losses and shares of languages; those that have events."""
    masks = [e for e in events if "sparsity" in e]
    domains = [e for e in events if "domain_losses" in e]
    found = []
    if masks:
        sparsity = ([e["sparsity"] for e in masks], [e["wanted_sparsity"] for e in masks])
        found.append(_curves(masks, *sparsity, "expected sparsity of the masks (dashed: the target)"))
        first, second = ([{k: v[i] for k, v in e["multipliers"].items()} for e in masks] for i in (0, 1))
        found.append(_curves(masks, first, second, "λ₁ (dashed: λ₂)"))
    if domains:
        losses = [e["domain_losses"] for e in domains]
        found.append(_curves(domains, losses, None, "held-out loss by language or corpus"))
        shares = [e["domain_shares"] for e in domains]
        found.append(_curves(domains, shares, None, "share of the batches"))
    return found


def _curves(
    events: Sequence[dict[str, Any]],
    solid: Sequence[dict[str, float]],
    dashed: Sequence[dict[str, float]] | None,
    title: str,
) -> str:
    """One line for each name, over the steps; gaps where a round does not have it."""
    steps = [e["step"] for e in events]
    figure = Figure(figsize=(7, 3))
    axis = figure.subplots()
    lines = []
    names = list(dict.fromkeys(name for values in solid for name in values))
    for name in names:
        lines += axis.plot(steps, [values.get(name, math.nan) for values in solid])
        if dashed is not None:
            own = [values.get(name, math.nan) for values in dashed]
            axis.plot(steps, own, color=lines[-1].get_color(), linestyle="--", alpha=0.6)
    for text in axis.legend(lines, names, fontsize=8, ncols=2).get_texts():
        text.set_parse_math(False)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("step")
    axis.set_title(title)
    axis.grid(alpha=0.3)
    return _svg(figure)


def heat_maps(maps: Sequence[dict[str, Any]], title: str) -> str:
    """Values from 0 to 1 as colours, two maps in a line."""
    lines = -(-len(maps) // 2)
    figure = Figure(figsize=(9, 2.4 * lines + 0.4))
    axes = list(figure.subplots(lines, 2, squeeze=False).flat)
    for axis, drawn in zip(axes, maps, strict=False):
        image = axis.imshow(drawn["values"], aspect="auto", interpolation="nearest", vmin=0, vmax=1)
        axis.set_title(drawn["title"], fontsize=9, parse_math=False)
        axis.set_xlabel(drawn["columns"], fontsize=8)
        axis.set_ylabel(drawn["rows"], fontsize=8)
        axis.tick_params(labelsize=7)
        figure.colorbar(image, ax=axis)
    for axis in axes[len(maps) :]:
        axis.remove()
    figure.suptitle(title, fontsize=10, parse_math=False)
    return _svg(figure)


def _label(row: dict[str, Any]) -> str:
    model = short_name(row["model"])
    return f"{model} ({row['dim']})" if row["dim"] else model


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.tight_layout()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]
