"""Every stage disturbed in every way, at seeded points: the same command ends as if nothing had happened.

`make test` runs a few points of each stage; `make faults` a hundred, and writes docs/reliability.md from them.
One cell: `make faults STAGE=train FAULT=kill`; one trial of it: add `SEED=17`.
"""

import os
import random
from collections.abc import Callable, Iterator

import pytest
from harness.disks import can_mount
from harness.trial import FAULTS, MOUNTS, REFUSED, WRONG, Trials, Verdict

STAGES = (
    "corpus", "prune", "augment", "augment-server", "train", "encode", "evaluate", "index", "run", "pull",
)  # fmt: skip
POINTS = int(os.environ.get("DRAMA_FAULT_POINTS", "0"))
SEED = os.environ.get("DRAMA_FAULT_SEED")
MAY_REFUSE = ("torn", "flipped")
"""Only a damaged file may end in a refusal, which must name it."""
SHARE = {"kill": 1.0}
"""Of the points, for `kill`; the other faults get a tenth, and no less than five."""


def cells() -> Iterator[tuple[str, str]]:
    """Stage and fault: all, or for `make test` a kill in each stage and each other fault in two stages."""
    others = [fault for fault in FAULTS if fault not in ("kill", "server")]
    short = [stage for stage in STAGES if stage not in ("run", "evaluate")]
    for stage in STAGES:
        yield stage, "kill"
    for number, fault in enumerate(others):
        for stage in STAGES if POINTS else (short[number % len(short)], short[(number + 4) % len(short)]):
            yield stage, fault
    yield "augment-server", "server"


def seeds(stage: str, fault: str) -> list[int]:
    """Numbers of the trials of a cell."""
    if SEED is not None:
        return [int(SEED)]
    if not POINTS:
        return [0]
    return [*range(POINTS if fault == "kill" else max(5, POINTS // 10))]


@pytest.mark.timeout(36000 if POINTS else 300)
@pytest.mark.parametrize(("stage", "fault"), cells(), ids=lambda value: value)
def test_the_same_command_ends_as_if_nothing_had_happened(
    stage: str, fault: str, trials: Trials, record: Callable[[str, str, dict[int, Verdict]], None]
) -> None:
    if fault in MOUNTS and not can_mount():
        pytest.skip("only root may mount a small or read-only file system")
    found: dict[int, Verdict] = {}
    chosen = next(one for one in trials.world.stages() if one.name == stage)
    for seed in seeds(stage, fault):
        found[seed] = getattr(trials, fault)(chosen, random.Random(f"{stage} {fault} {seed}"))
        record(stage, fault, found)
    bad = (WRONG,) if fault in MAY_REFUSE else (WRONG, REFUSED)
    wrong = [f"seed {seed}: {verdict.why}" for seed, verdict in found.items() if verdict.kind in bad]
    assert not wrong, "\n".join(wrong)


def test_the_harness_sees_what_is_lost(trials: Trials) -> None:
    """A stage that forgets a file, leaves one over or gives another result is called wrong."""
    stage = next(one for one in trials.world.stages() if one.name == "index")
    trials.undisturbed(stage)
    out = trials.clean(stage)
    (out / "left.partial").write_text("")
    assert trials.judge(stage).kind == WRONG
    out = trials.clean(stage)
    (out / "embeddings/places.sqlite").unlink()
    assert "places.sqlite is missing" in trials.judge(stage).why
    trials.clean(stage)
    expected = trials.known[stage.name].outputs
    trials.known[stage.name] = trials.known[stage.name]._replace(
        outputs={**expected, "index.json": "another"}
    )
    assert trials.judge(stage) == Verdict(WRONG, "index.json differs")
    trials.known[stage.name] = trials.known[stage.name]._replace(outputs=expected)
