"""The parts of a run, each with a mark of its own: other steps of recovery leave the masks as they are.

Vocabulary, rows, the parent's losses, and for each round its masks and its child. What a part depends on is
listed here, and nothing else redoes it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drama.files import fingerprint
from drama.prune.methods import METHODS
from drama.prune.settings import PruneSettings
from drama.prune.shape.shape import Shape
from drama.workspace import claim_part

EVENTS = "events.jsonl"
PLAN, MAPS, MIXTURE, FIGURES = "plan.json", "maps.json", "mixture.json", "figures.json"
"""Of a round, in its folder."""


class Parts:
    """Claims the parts in the order in which they are made; only the first process has any.

    Args:
        out: folder of the stage.
        settings: the recipe's `prune` section.
        inputs: fingerprints of the parent and the passages.
        seed: of the stage.
        revision: of the stage.
        is_main: whether this is the first process.
    """

    def __init__(
        self,
        out: Path,
        settings: PruneSettings,
        inputs: Mapping[str, str],
        seed: int,
        revision: int,
        is_main: bool,
    ) -> None:
        self._out, self._is_main = out, is_main
        domains = settings.domains
        self._texts = fingerprint([revision, inputs, seed, domains.by, domains.leave_out])
        self._domains = domains.identity()
        self._source = fingerprint([self._texts, settings.vocabulary and settings.vocabulary.identity()])
        self._rows = fingerprint([self._source, settings.recovery.max_length])
        self._losses = fingerprint([self._rows, domains.held_out_rows])

    def vocabulary(self) -> None:
        """The parent with a smaller vocabulary, and the figures about it."""
        self._claim("parent", ["parent", "vocabulary.json"], self._source)

    def rows(self) -> None:
        """The packed corpus."""
        self._claim("rows", ["rows"], self._rows)

    def losses(self) -> None:
        """The parent's losses."""
        self._claim("references", ["references.json"], self._losses)

    def round(self, number: int, target: Shape, settings: PruneSettings, model: str) -> None:
        """A round's masks and child.

        Args:
            number: from 1.
            target: the shape that it reaches.
            settings: with their numbers of steps.
            model: the child's folder, a path in the stage's.
        """
        method, shearing, recovery = METHODS[settings.method], settings.shearing, settings.recovery
        learning = shearing.steps if method.learns else 0
        before = (number - 1) * (learning + recovery.steps)
        masks: list[Any] = [self._source, target, settings.method, settings.gqa]
        if method.reads_calibration:
            masks += [self._texts, settings.calibration.identity()]
        if method.learns:
            masks += [self._losses, self._domains, shearing.identity(), before]
        child = [*masks, self._losses, self._domains, recovery.identity(), learning + before]
        folder = f"round-{number}"
        names = ["learning", "sliced", "scores.safetensors", PLAN, MAPS, MIXTURE]
        self._claim(f"{folder}/masks", [f"{folder}/{name}" for name in names], fingerprint(masks))
        self._source = fingerprint(child)
        self._claim(f"{folder}/child", [f"{folder}/recovery", f"{folder}/{FIGURES}", model], self._source)

    def _claim(self, name: str, entries: list[str], mark: str) -> None:
        if self._is_main:
            claim_part(self._out, name, entries, mark, beside=[EVENTS])


def scratch(rounds: int, settings: PruneSettings) -> list[str]:
    """What only a run that resumes needs, as patterns in the stage's folder.

    The first round's child before its recovery stays where masks were learnt: recovery can be repeated.
    """
    own = ["parent", "rows", "round-*/learning", "round-*/recovery", "round-*/model"]
    kept = 1 if METHODS[settings.method].learns else 0
    return own + [f"round-{number}/sliced" for number in range(kept + 1, rounds + 1)]
