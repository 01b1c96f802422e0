"""Plots as HTML figures: a caption, and inline SVG whose texts the page's colours reach."""

import html
import io
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from drama.records.measures import MAIN_MEASURE
from drama.report.tables import short_name

_COLOUR = "#2a6f97"
_WIDE, _SMALL = 4.6, 3.0
"""Inches: on a phone each is a line of its own, and its letters keep their size."""
_SMOOTHED = 20
Event = dict[str, Any]


def bars(results: Sequence[dict[str, Any]], collection: str) -> str:
    """The main measure of every row of a collection."""
    rows = [r for r in results if r["collection"] == collection]
    figure, axis = _figure(height=0.3 * len(rows) + 0.6)
    drawn = axis.barh(range(len(rows)), [r["metrics"][MAIN_MEASURE] for r in rows], color=_COLOUR)
    axis.set_yticks(range(len(rows)), [_label(row) for row in rows], parse_math=False)
    axis.bar_label(drawn, fmt="%.3f", padding=3)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.2)  # room for the label of a full bar
    return _html(figure, f"{MAIN_MEASURE} on {collection}")


def widths(results: Sequence[dict[str, Any]], collection: str) -> str | None:
    """The main measure against the width, for models that were reported at several."""
    by_model: dict[str, list[tuple[int, float]]] = {}
    for row in results:
        if row["collection"] == collection and row["dim"] and not row["model"].endswith("+ bm25"):
            by_model.setdefault(row["model"], []).append((row["dim"], row["metrics"][MAIN_MEASURE]))
    several = {m: sorted(points) for m, points in by_model.items() if len(points) > 1}
    if not several:
        return None
    figure, axis = _figure("dimensions", MAIN_MEASURE)
    lines = [axis.plot(*zip(*points, strict=True), marker="o")[0] for points in several.values()]
    axis.set_xticks(sorted({dim for points in several.values() for dim, _ in points}))
    _legend(axis, map(short_name, several), lines)
    return _html(figure, f"truncated and renormalised, {collection}")


def loss_curve(events: Sequence[Event], stage: str) -> str:
    """Loss by step, with a running mean."""
    points = _points(events, lambda event: float(event["loss"]))
    steps, losses = [step for step, _ in points], [loss for _, loss in points]
    figure, axis = _figure("step", "loss", height=2.8)
    axis.plot(steps, losses, color=_COLOUR, alpha=0.3)
    mean = [sum(losses[max(0, i - _SMOOTHED) : i]) / min(i, _SMOOTHED) for i in range(1, len(losses) + 1)]
    axis.plot(steps, mean, color=_COLOUR)
    return _html(figure, f"{stage} (running mean over {_SMOOTHED} steps)")


_CURVES: dict[str, Callable[[Event], float]] = {
    "learning rate": lambda event: float(event["learning_rate"]),
    "gradient norm": lambda event: float(event["gradient_norm"]),
    "tokens/s": lambda event: float(event["tokens"]) / float(event["seconds"]),
    "share of padding": lambda event: float(event["padding"]),
    "share of masked negatives": lambda event: float(event["masked_share"]),
    "mean cosine of different texts": lambda event: float(event["mean_cosine"]),
}
_MEASURED = {"held_out": "held out", "judged": "judged"}


def small_curves(events: Sequence[Event], stage: str) -> list[str]:
    """Everything else that the events record, a small plot each."""
    lines = {title: _points(events, value) for title, value in _CURVES.items()}
    for part, title in _MEASURED.items():
        measured = [(event["step"], event[part]) for event in events if part in event]
        for name in measured[0][1] if measured else ():
            lines[f"{title}: {name}"] = [(step, values[name]) for step, values in measured]
    drawn = {title: points for title, points in lines.items() if points}
    found = []
    for title, points in drawn.items():
        figure, axis = _figure("step", " ", height=1.9, width=_SMALL)
        axis.plot(*zip(*points, strict=True), color=_COLOUR, lw=1, marker="." if ":" in title else None)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        found.append(_html(figure, f"{stage}: {title}"))
    return found


def _points(events: Sequence[Event], value: Callable[[Event], float]) -> list[tuple[int, float]]:
    """(step, value) of the events that hold what the value needs."""
    points = []
    for event in events:
        with suppress(KeyError, ZeroDivisionError):
            points.append((int(event["step"]), value(event)))
    return points


def histogram(counted: dict[str, Any], title: str) -> str:
    """Share of each name's values by bin; names may hold very different numbers of them."""
    figure, axis = _figure(y="share")
    names = []
    for name, counts in counted["counts"].items():
        total = sum(counts)
        names.append(f"{name} ({total:,})")
        axis.stairs([n / total for n in counts], counted["edges"], linewidth=1.5)
    _legend(axis, names)
    return _html(figure, title)


def pruning_curves(events: Sequence[Event]) -> list[str]:
    """Sparsity against its ramp, losses and shares of languages, as far as there are events of them."""
    masks = [e for e in events if "sparsity" in e]
    domains = [e for e in events if "domain_losses" in e]
    found = []
    if masks:
        sparsity = ([e["sparsity"] for e in masks], [e["wanted_sparsity"] for e in masks])
        found.append(_curves(masks, *sparsity, "expected sparsity of the masks (dashed: the target)"))
    if domains:
        losses = [e["domain_losses"] for e in domains]
        found.append(_curves(domains, losses, None, "held-out loss by language or corpus"))
        shares = [e["domain_shares"] for e in domains]
        found.append(_curves(domains, shares, None, "share of the batches"))
    return found


def _curves(
    events: Sequence[Event],
    solid: Sequence[dict[str, float]],
    dashed: Sequence[dict[str, float]] | None,
    title: str,
) -> str:
    """One line for each name, over the steps; gaps where a round does not have it."""
    steps = [e["step"] for e in events]
    figure, axis = _figure("step")
    lines = []
    names = list(dict.fromkeys(name for values in solid for name in values))
    for name in names:
        lines += axis.plot(steps, [values.get(name, math.nan) for values in solid])
        if dashed is not None:
            own = [values.get(name, math.nan) for values in dashed]
            axis.plot(steps, own, color=lines[-1].get_color(), linestyle="--", alpha=0.6)
    _legend(axis, names, lines, ncols=2)
    return _html(figure, title)


def heat_maps(maps: Sequence[dict[str, Any]], title: str) -> list[str]:
    """Values from 0 to 1 as colours, a plot each."""
    found = []
    for drawn in maps:
        figure, axis = _figure(drawn["columns"], drawn["rows"], height=2.4, grid=False)
        image = axis.imshow(drawn["values"], aspect="auto", interpolation="nearest", vmin=0, vmax=1)
        figure.colorbar(image, ax=axis)
        found.append(_html(figure, f"{title}: {drawn['title']}"))
    return found


def _figure(
    x: str = "", y: str = "", height: float = 3, width: float = _WIDE, grid: bool = True
) -> tuple[Figure, Any]:
    """A figure with one plot, in inches; steps are counted in whole numbers."""
    figure = Figure(figsize=(width, height))
    axis = figure.subplots()
    axis.tick_params(labelsize=8)
    axis.set_xlabel(x, fontsize=9, parse_math=False)
    axis.set_ylabel(y, fontsize=9, parse_math=False)
    if grid and (x or y):
        axis.grid(alpha=0.3)
    if x == "step":
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, axis


def _legend(axis: Any, names: Iterable[str], lines: Sequence[Any] | None = None, **how: Any) -> None:
    """A legend whose names are plain text: a `$` in them begins no formula."""
    handles = () if lines is None else (lines,)
    for text in axis.legend(*handles, list(names), fontsize=8, **how).get_texts():
        text.set_parse_math(False)


def _label(row: dict[str, Any]) -> str:
    model = short_name(row["model"])
    return f"{model} ({row['dim']})" if row["dim"] else model


def _html(figure: Figure, title: str) -> str:
    buffer = io.StringIO()
    figure.patch.set_alpha(0)
    figure.tight_layout()
    with rc_context({"svg.fonttype": "none"}):  # letters, not their outlines: small, and found by a search
        figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return f"<figure><figcaption>{html.escape(title)}</figcaption>{text[text.index('<svg') :]}</figure>"
