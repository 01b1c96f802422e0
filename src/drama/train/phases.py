"""The phases of a run: one by default, or several, each with its own batches, rates and loss."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from drama.errors import DramaError
from drama.records import Example
from drama.train.batches.batch import has_scores
from drama.train.batches.sampler import Sampler
from drama.train.losses.teacher import TeacherVectors
from drama.train.settings import PhaseSettings, phase_ends


class TrainData(NamedTuple):
    """Examples and what they refer to."""

    examples: Sequence[Example]
    queries: list[list[int]]
    """Token ids of the examples' queries."""
    documents: Mapping[str, list[int]]
    """Token ids by document id."""
    teacher: TeacherVectors | None = None

    def of_kinds(self, kinds: Sequence[str]) -> "TrainData":
        """Only the examples of these kinds; all of them where no kind is given.

        Raises:
            DramaError: fewer than 2 examples.
        """
        rows = [r for r, e in enumerate(self.examples) if not kinds or e.kind in kinds]
        if len(rows) < 2:
            raise DramaError(
                f"train.phases: {len(rows)} usable examples of the kinds {kinds}",
                hint=f"available kinds: {', '.join(sorted({e.kind for e in self.examples}))}",
            )
        return self._replace(
            examples=[self.examples[r] for r in rows], queries=[self.queries[r] for r in rows]
        )


class Phase(NamedTuple):
    """A phase of a run with its data."""

    first: int
    """Steps of the run before it."""
    steps: int
    settings: PhaseSettings
    data: TrainData


def plan_phases(
    phases: Sequence[PhaseSettings], steps: int, data: TrainData, seed: int, processes: int
) -> list[Phase]:
    """The run's phases with their data; a mistake in any of them shows before the first step.

    Raises:
        DramaError: too few examples of a phase's kinds, batches that can't be made of them (see `Sampler`),
            or `distill.scores_weight` where no example has scores.
    """
    ends = phase_ends(phases, steps)
    found = [
        Phase(first, end - first, settings, data.of_kinds(settings.kinds))
        for settings, first, end in zip(phases, [0, *ends[:-1]], ends, strict=True)
    ]
    for phase in found:
        Sampler(phase.data.examples, data.documents, phase.settings.batch, phase.steps, seed, processes)
    scored = [phase for phase in found if phase.settings.loss.distill.scores_weight > 0]
    if scored and not any(
        has_scores(e, phase.settings.batch.negatives) for phase in scored for e in phase.data.examples
    ):
        raise DramaError(
            "train.loss.distill.scores_weight: none of the examples has scores of the documents drawn for it",
            hint="label them with augment.label, or leave scores_weight out",
        )
    return found
