"""Figures of the manifest: sizes, held-out losses, what each round kept, what each language lost, tokens."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drama.console import note
from drama.prune.languages import compare, in_words
from drama.prune.learn.domains import Domain, mean_loss, perplexities
from drama.prune.load import load_config
from drama.prune.methods import METHODS
from drama.prune.settings import PruneSettings
from drama.prune.shape.shape import Shape, child_config, parameters, parent_shape
from drama.prune.surgery.plan import PruningPlan


def describe(name: str, folder: Path, shape: Shape | None = None) -> dict[str, Any]:
    """Parameters of a model, or of its child of some shape."""
    config = load_config(folder)
    shape = shape or parent_shape(config)
    body, whole = parameters(child_config(config, shape, range(shape.layers)))
    note(f"prune: {name} {shape._asdict()}: {body:,} parameters + {whole - body:,} embeddings")
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
    """Those of the last round, of all rounds where there are several, of the languages, and tokens read.

    Args:
        settings: the recipe's `prune` section, with its steps.
        shapes: one a round.
        parent: its held-out loss on each domain.
        out: folder of the stage.
    """
    rounds: list[dict[str, Any]] = []
    for number, shape in enumerate(shapes, 1):
        own = json.loads((out / f"round-{number}/figures.json").read_text(encoding="utf-8"))
        if rounds:  # by their indices in the first parent
            own["layers_kept"] = [rounds[-1]["layers_kept"][layer] for layer in own["layers_kept"]]
        rounds.append({**shape._asdict(), **own})
    figures = {name: value for name, value in rounds[-1].items() if name not in Shape._fields}
    if len(rounds) > 1:
        figures["rounds"] = rounds
    sliced = figures.pop("perplexity_sliced")
    pruned = figures.pop("perplexity_recovered", sliced)
    languages = compare(perplexities(parent), sliced, pruned, settings.domains.leave_out)
    figures["perplexity_by_language"] = [language._asdict() for language in languages]
    if len(languages) > 1:
        figures["languages_lost"] = in_words(languages)
        note(f"prune: {figures['languages_lost']}")
    for name, part, trained in (
        ("learning", settings.shearing, METHODS[settings.method].learns),
        ("recovery", settings.recovery, settings.recovery.steps > 0),
    ):
        if trained:
            rows = len(shapes) * part.steps * part.batch_size
            figures[f"{name}_tokens"] = rows * settings.recovery.max_length
    return figures
