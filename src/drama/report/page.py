"""report.html: one file that needs nothing else. First what to use and how good that is, then how it came."""

import re
import shlex
from html import escape
from pathlib import Path
from typing import Any

from drama.files import remove_leftovers, write_text
from drama.report.html import folded, marked, meanings, table, words
from drama.report.plots import bars, heat_maps, histogram, loss_curve, pruning_curves, small_curves, widths
from drama.report.read import RunFiles, read_run
from drama.report.style import STYLE
from drama.report.tables import quality_cells, quality_columns, result_cells, result_columns

_GROUPS = "groups"
"""A figure that becomes a table: the training examples by group."""
_LANGUAGES, _LOST = "perplexity_by_language", "languages_lost"
"""Figures of `prune`: the table, and the same in words."""
_HISTOGRAMS = "histograms"
"""A figure that is plotted: title → `edges`, and `counts` by name."""
_VERDICT = "verdict"
"""Figure of `quality`: the page begins with it."""
_CODE = re.compile("`([^`]*)`")
_UNITS = {
    "model MB": "{:,.0f} MB",
    "index MB": "{:,.0f} MB",
    "passages": "{:,.0f}",
    "documents/s": "{:,.0f}",
    "ms a search": "{:.0f} ms",
}
_NAMES = {"documents/s": "documents encoded a second", "ms a search": "a search", "index MB": "index"}


def write_report(folder: Path) -> Path:
    """Write `report.html` into a run's folder from its manifests, results and events."""
    run = read_run(folder)
    made = "".join(_plots(run))
    parts = [
        f"<h1>{escape(folder.resolve().name)}</h1>",
        f"<p>{escape(run.warning)}</p>" if run.warning else "",
        _quality(run),
        _results(run),
        _pseudo_searches(run),
        _searches(run),
        _cost(run),
        _commands(run, folder),
        "<h2>How it was made</h2>",
        folded("Curves, heat maps and distributions", f"<div class=plots>{made}</div>" if made else ""),
        folded("Languages", _languages(run)),
        folded("Trained on", _trained_on(run)),
        folded("Stages", _stages(run)),
        folded("Figures", _figures(run)),
        folded("Recipe as it was run", f"<pre>{escape(run.recipe)}</pre>"),
        folded("Made with", _provenance(run)),
    ]
    page = folder / "report.html"
    remove_leftovers(folder, of=page.name)
    write_text(
        page,
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(folder.resolve().name)}</title><style>{STYLE}</style>"
        f"<body>{''.join(parts)}</body></html>\n",
    )
    return page


def _quality(run: RunFiles) -> str:
    """What to use, in words, and the table behind it."""
    if not run.quality:
        return ""
    lines = [_CODE.sub(r"<code>\1</code>", escape(line)) for line in run.quality["verdict"]]
    said = f"<p class=verdict>{lines[0]}</p>" + "".join(f"<p>{line}</p>" for line in lines[1:])
    head = quality_columns(run.quality)
    title = "<h2>nDCG@10 by pseudo-queries made from the corpus</h2>"
    shown = table(head, quality_cells(run.quality), text_columns=1)
    return said + title + shown + meanings(["nDCG@10", *head])


def _results(run: RunFiles) -> str:
    if "evaluate" in run.outdated:
        return ""
    if not run.results and run.quality:
        return ""
    if not run.results:
        return "<p>Nothing was evaluated: the recipe names no collections.</p>"
    head = result_columns()
    collections = dict.fromkeys(r["collection"] for r in run.results)
    plots = [plot for c in collections for plot in (bars(run.results, c), widths(run.results, c) or "")]
    shown = table(head, map(result_cells, run.results))
    return f"<h2>Results</h2>{shown}{meanings(head)}<div class=plots>{''.join(plots)}</div>"


def _pseudo_searches(run: RunFiles) -> str:
    """Pseudo-queries that were answered well, and some that were not."""
    parts = []
    for kind, title in (("good", "Answered well"), ("bad", "Answered badly")):
        found = run.quality.get("searches", {}).get(kind, [])
        if found:
            parts.append(f"<h2>{title}: {len(found)} pseudo-queries</h2>" + "".join(map(_asked, found)))
    return "".join(parts)


def _asked(search: dict[str, Any]) -> str:
    places = "; ".join(f"{name}: {_place(rank)}" for name, rank in search["ranks"].items())
    lines = [
        f"<p class=query>{escape(search['query'])}</p>",
        f"<p class=hit>Out of <code>{escape(search['document'])}</code>. Its rank: {escape(places)}.</p>",
        f"<p class=hit>{escape(search['text'])}</p>",
    ]
    if first := search.get("first"):
        name, text = escape(first["document"]), escape(first["text"])
        lines.append(f"<p class=hit>Found first: <code>{name}</code> {text}</p>")
    return "".join(lines)


def _place(rank: int | None) -> str:
    return "not among the first 100" if rank is None else str(rank)


def _searches(run: RunFiles) -> str:
    parts = ["<h2>Searches</h2>"] if run.examples else []
    for example in run.examples:
        parts.append(f"<p class=query>{escape(example['query'])}</p>")
        parts += [
            f"<p class=hit>{h['rank']}. {h['score']:.3f} <code>{escape(h['id'])}</code> "
            f"{marked(h['text'], h.get('marks', []))}</p>"
            for h in example["hits"]
        ]
    return "".join(parts)


def _cost(run: RunFiles) -> str:
    """How big and how fast."""
    cost = run.quality.get("cost", {})
    rows = [[_NAMES.get(k, k.removesuffix(" MB")), _UNITS[k].format(cost[k])] for k in _UNITS if k in cost]
    return "<h2>Size and speed</h2>" + table(["", ""], rows, text_columns=1) if rows else ""


def _commands(run: RunFiles, folder: Path) -> str:
    if "index" not in run.manifests:
        return ""
    place = shlex.quote(str(folder))
    text = f"""drama search {place}/index "what you are looking for"
drama update {place}                  # documents were added, changed or deleted
drama judge {place}                   # mark hits as right or wrong: a test set of your own
drama run {place}                     # go on with this run, or train again

# In Python:
from pathlib import Path
from drama.search import Index
index = Index.open(Path("{folder}/index"))
for found in index.search("what you are looking for", k=10):
    print(found.hit.document_id, found.document.title)"""
    return f"<h2>Use it</h2><pre>{escape(text)}</pre>"


def _plots(run: RunFiles) -> list[str]:
    found = []
    names = {"prune": "mask learning and recovery of the pruned model", "train": "contrastive training"}
    for stage, events in run.events.items():
        if events:
            found += [loss_curve(events, names[stage]), *small_curves(events, names[stage])]
    found += pruning_curves(run.events.get("prune", []))
    for name, maps in run.maps.items():
        found += heat_maps(maps, f"{name}, by layer")
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
        said = escape(str(manifest.figures.get(_LOST, "")))
        marks = [["yes" if row["lost"] else "", "" if row["read"] else "no"] for row in rows]
        numbers = [[f"{row[key]:.2f}" for key in ("parent", "sliced", "pruned", "ratio")] for row in rows]
        cells = [[row["name"], *m, *n] for row, m, n in zip(rows, marks, numbers, strict=True)]
        head = ["language", "lost", "read", "parent's perplexity", "sliced", "pruned", "pruned / parent"]
        parts.append(table(head, cells, text_columns=3) + f"<p>{said}</p>")
    return "".join(parts)


def _stages(run: RunFiles) -> str:
    rows = [
        [name, "; ".join(f"{k}: {v}" for k, v in manifest.counts.items()), f"{manifest.seconds:.0f}"]
        for name, manifest in run.manifests.items()
    ]
    return table(["stage", "counts by outcome", "seconds"], rows)


def _figures(run: RunFiles) -> str:
    rows = [
        [name, key, words(value)]
        for name, manifest in run.manifests.items()
        for key, value in manifest.figures.items()
        if key not in (_GROUPS, _LANGUAGES, _LOST, _HISTOGRAMS, _VERDICT)
    ]
    return table(["stage", "figure", "value"], rows, text_columns=3)


def _trained_on(run: RunFiles) -> str:
    """The training examples by source, kind and language; empty before augment has ended."""
    groups = [g for manifest in run.manifests.values() for g in manifest.figures.get(_GROUPS, [])]
    if not groups:
        return ""
    head = [name.replace("_", " ") for name in groups[0]]
    return table(head, [list(g.values()) for g in groups], text_columns=3)


def _provenance(run: RunFiles) -> str:
    last = list(run.manifests.values())[-1]
    first = next(iter(run.manifests.values()))  # searches have no seed
    return table(["", ""], {**last.versions, **last.machine, "seed": first.seed}.items())
