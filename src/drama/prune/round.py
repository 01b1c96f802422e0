"""One round: a model's folder → score, plan, slice, recover → a smaller model's folder.

What is made is kept as it is made, so that a round that was cut off goes on where it was: the sliced child
in `sliced/`, checkpoints of mask learning and of recovery, and the child at last.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file

from drama.compute import World, default_device, resolve_precision, unshard_model
from drama.console import note
from drama.files import write_json
from drama.prune.families import family_of
from drama.prune.heat_maps import heat_maps
from drama.prune.learn.domains import Domain, Mixture, held_out_losses, mean_loss, perplexities
from drama.prune.learn.recover import Match, Recovery
from drama.prune.learn.updates import Log, update
from drama.prune.load import load_causal_lm, save_causal_lm
from drama.prune.methods import METHODS, Task
from drama.prune.settings import PruneSettings, RecoverySettings
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.expand import expanded
from drama.prune.surgery.plan import make_plan
from drama.prune.surgery.slice import slice_model

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


class Texts(NamedTuple):
    """The corpus, as the steps of a round read it."""

    domains: list[Domain]
    measured: list[Domain]
    """These, and those that are left out of pruning."""
    references: dict[str, float]
    """The parent's loss on the rows of each domain by which shares change."""
    calibration: Callable[[], Batches]


class Round(NamedTuple):
    """One round's place and target."""

    number: int
    """From 1."""
    target: Shape
    folder: Path
    result: Path
    """Folder of the child."""


def run_round(
    this: Round,
    source: Path,
    teacher: Path,
    tokenizer: Any,
    texts: Texts,
    settings: PruneSettings,
    seed: int,
    world: World,
) -> None:
    """Leave `this.result`, and in `this.folder` the scores, `plan.json` and `figures.json`.

    Args:
        this: where, and what shape.
        source: the model that is cut.
        teacher: the model whose logits recovery looks at.
        tokenizer: theirs.
        texts: the corpus.
        settings: the recipe's `prune` section.
        seed: of batches and masks.
        world: the processes that work on it; the first one writes.

    Raises:
        DramaError: the loss of mask learning or recovery is not a number any more.
    """
    if world.broadcast_flag(this.result.is_dir()):
        return
    learning = settings.shearing.steps if settings.method == "shearing" else 0
    before = (this.number - 1) * (learning + settings.recovery.steps)
    events = this.folder.parent / "events.jsonl"
    sliced = this.folder / "sliced"

    def mixture() -> Mixture:
        return Mixture(texts.domains, settings.domains, texts.references)

    if not world.broadcast_flag(sliced.is_dir()):
        log = Log(events, this.folder / "learning", before)
        task = Task(this.target, settings, texts.calibration(), mixture(), log, seed, world)
        if learning or world.is_main:
            _slice(this, source, tokenizer, task)
        world.barrier()
    child = load_causal_lm(sliced).to(default_device())
    found = {"sliced": held_out_losses(child, texts.measured)} if world.is_main else {}
    if settings.recovery.steps:
        match = _match(this, settings.recovery.hidden_weight)
        parent = _teacher(teacher, settings.recovery)
        recovery = Recovery(child, parent, settings.recovery, world, match, settings.shard)
        log = Log(events, this.folder / "recovery", before + learning)
        update(recovery, mixture(), settings.recovery, log, seed)
        child = unshard_model(child)
        if world.is_main:
            found["recovered"] = held_out_losses(child.eval(), texts.measured)
    if world.is_main:
        shutil.rmtree(this.folder / "learning", ignore_errors=True)
        write_json(this.folder / "figures.json", _figures(this.folder / "plan.json", found, texts))
        save_causal_lm(this.result, child.cpu(), tokenizer)
    world.barrier()


def _teacher(folder: Path, settings: RecoverySettings) -> Any:
    """The parent, to learn from; its weights stay, so they may be in the products' precision."""
    if settings.kl_weight == 0 and settings.hidden_weight == 0:
        return None
    device = default_device()
    half = resolve_precision(settings.precision, device) == "bf16"
    return load_causal_lm(folder).to(device, torch.bfloat16 if half else torch.float32)


def _match(this: Round, weight: float) -> Match | None:
    """The child's channels and layers by their numbers in the parent, through all rounds so far."""
    if weight == 0:
        return None
    channels: list[int] = []
    layers: list[int] = []
    for number in range(1, this.number + 1):
        plan = json.loads((this.folder.parent / f"round-{number}/plan.json").read_text(encoding="utf-8"))
        kept = [layer["layer"] for layer in plan["layers"]]
        channels = [channels[c] for c in plan["hidden"]] if channels else plan["hidden"]
        layers = [layers[row] for row in kept] if layers else kept
    return Match(channels, layers, weight)


def _figures(plan_file: Path, found: dict[str, dict[str, float]], texts: Texts) -> dict[str, Any]:
    """What stayed, and held-out losses of the `sliced` and, where there was a recovery, `recovered` child."""
    plan = json.loads(plan_file.read_text(encoding="utf-8"))
    figures: dict[str, Any] = {"layers_kept": [layer["layer"] for layer in plan["layers"]]}
    for name, losses in found.items():
        figures[f"held_out_loss_{name}"] = round(mean_loss(losses, texts.domains), 4)
        figures[f"perplexity_{name}"] = perplexities(losses)
    return figures


def _slice(this: Round, source: Path, tokenizer: Any, task: Task) -> None:
    settings = task.settings
    family = family_of(load_causal_lm(source))
    if settings.gqa == "expanded":
        family = expanded(family)
    family.model.to(default_device())
    note(f"prune: scoring, method {settings.method}")
    scores = METHODS[settings.method].score(family, task)
    if not task.world.is_main:
        return
    family.model.cpu()
    save_file(scores.tensors(), this.folder / "scores.safetensors")
    plan = make_plan(scores, parent_shape(family.config), this.target, settings.keep_layers or "importance")
    layers = [layer._asdict() for layer in plan.layers]
    write_json(this.folder / "plan.json", {"hidden": plan.hidden, "layers": layers})
    drawn = heat_maps(scores, plan, parent_shape(family.config), masks=settings.method == "shearing")
    write_json(this.folder / "maps.json", drawn)
    save_causal_lm(this.folder / "sliced", slice_model(family, plan, this.target), tokenizer)
