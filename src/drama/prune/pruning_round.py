"""One round: a model's folder → score, plan, slice, recover → a smaller model's folder.

Every result is written when it is done, so that an interrupted round resumes where it was: the sliced child
in `sliced/`, checkpoints of mask learning and of recovery, and at last the child.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file

from drama.compute import World, check_finite, default_device, unshard_model
from drama.console import note
from drama.files.checksums import read_sealed_json, write_sealed_json
from drama.prune.families import Family, family_of
from drama.prune.figures import round_figures
from drama.prune.heat_maps import heat_maps
from drama.prune.learn.domains import Mixture, held_out_losses
from drama.prune.learn.losses import Match
from drama.prune.learn.recover import Recovery, load_teacher
from drama.prune.learn.updates import Log, update
from drama.prune.load import load_causal_lm, save_causal_lm
from drama.prune.methods import METHODS
from drama.prune.methods.task import Task
from drama.prune.parts import EVENTS, FIGURES, MAPS, MIXTURE, PLAN, Parts
from drama.prune.scores import Scores
from drama.prune.settings import PruneSettings
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.expand import expanded
from drama.prune.surgery.plan import AGAIN, PruningPlan, kept_through, make_plan
from drama.prune.surgery.slice import slice_model
from drama.prune.text.corpus import Corpus, Domains


class Setup(NamedTuple):
    """What all rounds of a run share."""

    settings: PruneSettings
    out: Path
    """Folder of the stage."""
    parts: Parts
    teacher: Path
    """Folder of the parent, which recovery learns from."""
    tokenizer: Any
    corpus: Corpus
    domains: Domains
    references: Mapping[str, float]
    """The loss to be reached on the probes of each domain."""
    seed: int
    world: World

    def mixture(self) -> Mixture:
        """The domains with their first shares."""
        return Mixture(self.domains.read, self.settings.domains, self.references, self.seed)


class PruningRound:
    """Leaves a smaller model, and in `round-N/` its scores, `plan.json`, `maps.json` and `figures.json`.

    Args:
        number: from 1.
        target: the shape that it reaches.
        source: folder of the model that is cut.
        setup: shared by all rounds.
    """

    def __init__(self, number: int, target: Shape, source: Path, setup: Setup) -> None:
        self.number, self.target, self.source = number, target, source
        self.setup, self.settings, self.world = setup, setup.settings, setup.world
        self.folder = setup.out / f"round-{number}"
        self.method = METHODS[setup.settings.method]
        self.learning_steps = setup.settings.shearing.steps if self.method.learns else 0

    def run(self, last: bool) -> Path:
        """Do what is not done yet, and return the child's folder: the stage's `model/` in the last round,
        else the round's. All processes must call this; the first one writes.

        Raises:
            DramaError: the loss of mask learning or recovery is not finite.
        """
        result = (self.setup.out if last else self.folder) / "model"
        model = str(result.relative_to(self.setup.out))
        self.setup.parts.round(self.number, self.target, self.settings, model)
        if self.world.broadcast_flag(result.is_dir()):
            return result
        sliced = self.folder / "sliced"
        if not self.world.broadcast_flag(sliced.is_dir()):
            self._score_and_slice(sliced)
            self.world.barrier()
        child = load_causal_lm(sliced).to(default_device())
        losses = {"sliced": self._held_out(child)}
        if self.settings.recovery.steps:
            child = self._recover(child)
            losses["recovered"] = self._held_out(child.eval())
        if self.world.is_main:
            check_finite(child.state_dict(), f"prune: the model of round {self.number}")
            plan = PruningPlan.read(self.folder / PLAN)
            figures = round_figures(plan, losses, self.setup.domains.read)
            write_sealed_json(self.folder / FIGURES, figures)
            save_causal_lm(result, child.cpu(), self.setup.tokenizer)
            for name in ("learning", "recovery"):
                shutil.rmtree(self.folder / name, ignore_errors=True)
        self.world.barrier()
        return result

    def _score_and_slice(self, sliced: Path) -> None:
        """All processes where the method learns; otherwise the first one alone."""
        if not (self.method.learns or self.world.is_main):
            return
        if self.world.is_main:
            self.folder.mkdir(exist_ok=True)
        family = family_of(load_causal_lm(self.source))
        if self.settings.gqa == "expanded":
            family = expanded(family)
        family.model.to(default_device())
        note(f"prune: scoring, method {self.settings.method}")
        task = Task(
            self.target,
            self.setup.corpus.calibration(self.setup.tokenizer, self.settings.calibration),
            self.setup.mixture(),
            self.settings.shearing,
            self._log("learning", 0),
            self.setup.seed,
            self.world,
            self.settings.shard,
        )
        scores = self.method.score(family, task)
        if self.world.is_main:
            state = {name: tensor.tolist() for name, tensor in task.mixture.state().items()}
            write_sealed_json(self.folder / MIXTURE, state)
            family.model.cpu()
            plan = self._plan(family, scores)
            save_causal_lm(sliced, slice_model(family, plan, self.target), self.setup.tokenizer)

    def _plan(self, family: Family, scores: Scores) -> PruningPlan:
        """The plan; it is written, and so are the scores and heat maps that explain it."""
        parent = parent_shape(family.config)
        plan = make_plan(scores, parent, self.target)
        save_file(scores._asdict(), self.folder / "scores.safetensors")
        plan.write(self.folder / PLAN)
        maps = heat_maps(scores, plan, parent, masks=self.method.learns)
        write_sealed_json(self.folder / MAPS, {"maps": maps})
        return plan

    def _recover(self, child: Any) -> Any:
        settings = self.settings.recovery
        teacher = load_teacher(self.setup.teacher, settings)
        recovery = Recovery(child, teacher, settings, self.world, self._match(), self.settings.shard)
        log = self._log("recovery", self.learning_steps)
        mixture = self.setup.mixture()
        left = read_sealed_json(self.folder / MIXTURE, hint=AGAIN)  # by mask learning
        begin = mixture.state()
        mixture.load({name: torch.tensor(left[name], dtype=begin[name].dtype) for name in begin})
        update(recovery, mixture, log, self.setup.seed)
        return unshard_model(child)

    def _match(self) -> Match | None:
        """The child's channels and layers by their indices in the parent, through all rounds so far."""
        weight = self.settings.recovery.hidden_weight
        if weight == 0:
            return None
        files = [self.setup.out / f"round-{number}/plan.json" for number in range(1, self.number + 1)]
        return Match(*kept_through(map(PruningPlan.read, files)), weight)

    def _log(self, name: str, before: int) -> Log:
        steps = self.learning_steps + self.settings.recovery.steps
        before += (self.number - 1) * steps
        return Log(self.setup.out / EVENTS, self.folder / name, before)

    def _held_out(self, model: Any) -> dict[str, float]:
        """Losses on all domains, measured by the first process."""
        return held_out_losses(model, self.setup.domains.measured) if self.world.is_main else {}
