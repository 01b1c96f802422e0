"""report.html: one file that needs nothing else."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from drama.files import remove_leftovers, write_text
from drama.report.plots import bars, heat_maps, histogram, loss_curve, pruning_curves, small_curves, widths
from drama.report.read import RunFiles, read_run
from drama.report.tables import quality_cells, quality_columns, result_cells, result_columns

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .25rem .8rem; border-bottom: 1px solid #ddd }
th { text-align: left } td.n { text-align: right; font-variant-numeric: tabular-nums }
svg { max-width: 100%; height: auto }
pre { background: #f5f5f5; padding: 1rem; overflow: auto; font-size: 13px }
.verdict { font-size: 1.25rem; font-weight: 600 }
.hit { color: #555; margin-left: 1.2rem }
"""

_GROUPS = "groups"
"""A figure that becomes a table: the training examples by group."""
_LANGUAGES, _LOST = "perplexity_by_language", "languages_lost"
"""Figures of `prune`: the table, and the same in words."""
_HISTOGRAMS = "histograms"
"""A figure that is plotted: title → `edges`, and `counts` by name."""


def write_report(folder: Path) -> Path:
    """Write `report.html` into a run's folder from its manifests, results and events."""
    run = read_run(folder)
    parts = [
        f"<h1>{html.escape(folder.name)}</h1>",
        f"<p>{html.escape(run.warning)}</p>" if run.warning else "",
        _quality(run),
        _results(run),
        *_plots(run),
        _languages(run),
        _searches(run),
        _stages(run),
        _figures(run),
        _trained_on(run),
        f"<h2>Recipe as it was run</h2><pre>{html.escape(run.recipe)}</pre>",
        _provenance(run),
    ]
    page = folder / "report.html"
    remove_leftovers(folder, of=page.name)
    write_text(
        page,
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(folder.name)}</title>"
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n",
    )
    return page


def _results(run: RunFiles) -> str:
    if "evaluate" in run.outdated:
        return ""
    if not run.results:
        return "<p>Nothing was evaluated: the recipe names no collections.</p>"
    return _table("Results", result_columns(), map(result_cells, run.results))


def _quality(run: RunFiles) -> str:
    """What to use, in words, and the table behind it."""
    if not run.quality:
        return ""
    lines = [html.escape(line) for line in run.quality["verdict"]]
    words = f"<p class='verdict'>{lines[0]}</p>" + "".join(f"<p>{line}</p>" for line in lines[1:])
    title = "nDCG@10 by pseudo-queries made from the corpus"
    return words + _table(title, quality_columns(run.quality), quality_cells(run.quality), text_columns=1)


def _plots(run: RunFiles) -> list[str]:
    found = []
    for collection in dict.fromkeys(r["collection"] for r in run.results):
        found += [bars(run.results, collection), widths(run.results, collection) or ""]
    names = {"prune": "mask learning and recovery of the pruned model", "train": "contrastive training"}
    for stage, events in run.events.items():
        if events:
            found += [loss_curve(events, names[stage]), small_curves(events, names[stage]) or ""]
    found += pruning_curves(run.events.get("prune", []))
    found += [heat_maps(maps, f"{name}, by layer") for name, maps in run.maps.items() if maps]
    for manifest in run.manifests.values():
        found += [histogram(h, title) for title, h in manifest.figures.get(_HISTOGRAMS, {}).items()]
    return found


def _languages(run: RunFiles) -> str:
    """Perplexity of each language before and after pruning, and which were lost."""
    parts = []
    for manifest in run.manifests.values():
        rows = manifest.figures.get(_LANGUAGES, [])
        if not rows:
            continue
        words = html.escape(str(manifest.figures.get(_LOST, "")))
        marks = [["yes" if row["lost"] else "", "" if row["read"] else "no"] for row in rows]
        numbers = [[f"{row[key]:.2f}" for key in ("parent", "sliced", "pruned", "ratio")] for row in rows]
        cells = [[row["name"], *m, *n] for row, m, n in zip(rows, marks, numbers, strict=True)]
        head = ["language", "lost", "read", "parent's perplexity", "sliced", "pruned", "pruned / parent"]
        parts.append(_table("Languages", head, cells, text_columns=3) + f"<p>{words}</p>")
    return "".join(parts)


def _searches(run: RunFiles) -> str:
    parts = ["<h2>Searches</h2>"] if run.examples else []
    for example in run.examples:
        parts.append(f"<p><b>{html.escape(example['query'])}</b></p>")
        parts += [
            f"<p class='hit'>{h['rank']}. {h['score']:.3f} <code>{html.escape(h['id'])}</code> "
            f"{html.escape(h['text'])}</p>"
            for h in example["hits"]
        ]
    return "".join(parts)


def _stages(run: RunFiles) -> str:
    rows = [
        [name, "; ".join(f"{k}: {v}" for k, v in manifest.counts.items()), f"{manifest.seconds:.0f}"]
        for name, manifest in run.manifests.items()
    ]
    return _table("Stages", ["stage", "counts by outcome", "seconds"], rows)


def _figures(run: RunFiles) -> str:
    rows = [
        [name, key, value]
        for name, manifest in run.manifests.items()
        for key, value in manifest.figures.items()
        if key not in (_GROUPS, _LANGUAGES, _LOST, _HISTOGRAMS)
    ]
    return _table("Figures", ["stage", "figure", "value"], rows)


def _trained_on(run: RunFiles) -> str:
    """The training examples by source, kind and language; empty before augment has ended."""
    groups = [g for manifest in run.manifests.values() for g in manifest.figures.get(_GROUPS, [])]
    if not groups:
        return ""
    head = [name.replace("_", " ") for name in groups[0]]
    return _table("Trained on", head, [list(g.values()) for g in groups], text_columns=3)


def _provenance(run: RunFiles) -> str:
    last = list(run.manifests.values())[-1]
    first = next(iter(run.manifests.values()))  # searches have no seed
    return _table("Made with", ["", ""], {**last.versions, **last.machine, "seed": first.seed}.items())


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], text_columns: int = 2) -> str:
    """A heading and a table; the columns after the first `text_columns` hold numbers."""
    top = "".join(f"<th>{html.escape(h)}</th>" for h in head)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{'' if i < text_columns else ' class=n'}>{html.escape(str(cell))}</td>"
            for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f"<h2>{title}</h2><table><tr>{top}</tr>{body}</table>"
