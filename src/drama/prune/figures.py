"""Figures of the manifest: sizes, held-out losses, what each round kept, what each language lost, tokens."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from drama.console import note
from drama.files.checksums import read_sealed_json
from drama.models.open import open_config
from drama.prune.learn.domains import Domain, mean_loss, perplexities
from drama.prune.methods import METHODS
from drama.prune.parts import FIGURES, MAPS, PLAN
from drama.prune.settings import PruneSettings
from drama.prune.shape.shape import Shape, child_config, parameters, parent_shape
from drama.prune.surgery.plan import AGAIN, PruningPlan

LOST_ABOVE = 2.0
"""A language is called lost where the child's perplexity is more than this many times the parent's. A
convention; no study set it."""


def describe(name: str, folder: Path, shape: Shape | None = None) -> dict[str, Any]:
    """Parameters of a model, or of its child of some shape."""
    config = open_config(folder)
    shape = shape or parent_shape(config)
    body, whole = parameters(child_config(config, shape, range(shape.layers)))
    sizes = ", ".join(f"{part} {size}" for part, size in shape._asdict().items())
    note(f"prune: {name}: {sizes}: {body:,} parameters + {whole - body:,} of embeddings")
    return {f"parameters_{name}": whole, f"parameters_{name}_without_embeddings": body}


def round_figures(
    plan: PruningPlan, losses: Mapping[str, Mapping[str, float]], read: Sequence[Domain]
) -> dict[str, Any]:
    """Layers that stayed, and held-out losses of the `sliced` and, after a recovery, the `recovered` child.

    Args:
        plan: of the round.
        losses: child → domain → held-out loss.
        read: the domains over which the mean is taken.
    """
    figures: dict[str, Any] = {"layers_kept": plan.layers_kept}
    for name, by_domain in losses.items():
        figures[f"held_out_loss_{name}"] = round(mean_loss(by_domain, read), 4)
        figures[f"perplexity_{name}"] = perplexities(by_domain)
    return figures


def stage_figures(
    settings: PruneSettings, shapes: Sequence[Shape], parent: Mapping[str, float], out: Path
) -> dict[str, Any]:
    """Figures of the last round, of all rounds where there are several, of the languages, and tokens read.

    Args:
        settings: the recipe's `prune` section, with its steps.
        shapes: one for each round.
        parent: its held-out loss on each domain.
        out: folder of the stage.
    """
    rounds: list[dict[str, Any]] = []
    for number, shape in enumerate(shapes, 1):
        folder = out / f"round-{number}"
        for explained in (PLAN, MAPS):  # a damaged one must not become a result
            read_sealed_json(folder / explained, hint=AGAIN)
        own = read_sealed_json(folder / FIGURES, hint=AGAIN)
        if rounds:  # by their indices in the first parent
            own["layers_kept"] = [rounds[-1]["layers_kept"][layer] for layer in own["layers_kept"]]
        rounds.append({**shape._asdict(), **own})
    figures = {name: value for name, value in rounds[-1].items() if name not in Shape._fields}
    if len(rounds) > 1:
        figures["rounds"] = rounds
    sliced = figures.pop("perplexity_sliced")
    pruned = figures.pop("perplexity_recovered", sliced)
    recovered = settings.recovery.steps > 0 or METHODS[settings.method].learns
    languages = compare(perplexities(parent), sliced, pruned, settings.domains.leave_out, recovered)
    figures["perplexity_by_language"] = languages
    if len(languages) > 1:
        figures["languages_lost"] = in_words(languages, recovered)
        note(f"prune: {figures['languages_lost']}")
    for name, part, trained in (
        ("learning", settings.shearing, METHODS[settings.method].learns),
        ("recovery", settings.recovery, settings.recovery.steps > 0),
    ):
        if trained:
            rows = len(shapes) * part.steps * part.batch_size
            figures[f"{name}_tokens"] = rows * settings.recovery.max_length
    return figures


def compare(
    parent: Mapping[str, float],
    sliced: Mapping[str, float],
    pruned: Mapping[str, float],
    left_out: Collection[str],
    recovered: bool,
) -> list[dict[str, Any]]:
    """Each language's held-out perplexities, of the parent, the sliced and the finished child; their ratio;
    whether pruning read the language, and whether it is lost, which none is where nothing was to be
    recovered. The one that lost most comes first.

    >>> found = compare({"de": 20, "fi": 30}, {"de": 90, "fi": 99}, {"de": 25, "fi": 75}, ["fi"], True)
    >>> [(one["name"], one["ratio"], one["read"], one["lost"]) for one in found]
    [('fi', 2.5, False, True), ('de', 1.25, True, False)]
    """
    found = [
        {
            "name": name,
            "parent": before,
            "sliced": sliced[name],
            "pruned": pruned[name],
            "ratio": round(pruned[name] / before, 3),
            "read": name not in left_out,
            "lost": recovered and pruned[name] / before > LOST_ABOVE,
        }
        for name, before in parent.items()
    ]
    return sorted(found, key=lambda one: -one["ratio"])


def in_words(languages: Sequence[Mapping[str, Any]], recovered: bool) -> str:
    """Which were lost and which were kept.

    >>> perplexities = {"de": 20, "fi": 30}, {"de": 90, "fi": 9e9}, {"de": 25, "fi": 75}
    >>> in_words(compare(*perplexities, [], True), True)
    "lost (perplexity more than 2 times the parent's): fi (x2.5); kept: de (x1.25)"
    >>> in_words(compare(*perplexities[:2], perplexities[1], [], False), False)
    "without recovery, perplexity against the parent's: fi (over x1000), de (x4.5)"
    """
    if not recovered:
        return f"without recovery, perplexity against the parent's: {_ratios(languages) or 'none'}"
    lost, kept = (_ratios([one for one in languages if one["lost"] == wanted]) for wanted in (True, False))
    rule = f"perplexity more than {LOST_ABOVE:g} times the parent's"
    return f"lost ({rule}): {lost or 'none'}; kept: {kept or 'none'}"


def _ratios(languages: Sequence[Mapping[str, Any]]) -> str:
    shown = ((one["name"], one["ratio"]) for one in languages)
    return ", ".join(f"{name} ({f'x{ratio:g}' if ratio <= 1000 else 'over x1000'})" for name, ratio in shown)
