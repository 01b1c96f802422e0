"""Every stage disturbed in every way, at seeded points: the same command ends as if nothing had happened.

`make test` runs a few trials, `make faults` a hundred kills a stage; that writes docs/reliability.md.
One cell: `make faults STAGE=train FAULT=kill`; one trial of it: add `SEED=17`.
"""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.disks import can_mount
from harness.trial import FAULTS, MOUNTS, REFUSED, STAGES, WRONG, Trials, Verdict

CHOSEN = dict(word.split("=", 1) for word in os.environ.get("DRAMA_FAULTS", "").split())
"""What `make faults` asks for: points (kills a stage), stage, fault and seed, and where verdicts go; each may
be empty."""
POINTS = int(CHOSEN.get("points") or 0)
pytestmark = pytest.mark.slow
MAY_REFUSE = ("torn", "flipped")
"""Only a damaged file may end in a refusal, which must name it."""


def cells() -> Iterator[tuple[str, str]]:
    """Stage and fault: those chosen, or for `make test` a kill in each stage, each other fault in one."""
    if POINTS:
        for stage in STAGES:
            for fault in FAULTS:
                named = CHOSEN["stage"] in ("", stage) and CHOSEN["fault"] in ("", fault)
                if named and (fault != "server" or stage == "augment-server"):
                    yield stage, fault
        return
    others = [fault for fault in FAULTS if fault not in ("kill", "server")]
    short = [stage for stage in STAGES if stage not in ("run", "evaluate")]
    for stage in STAGES:
        yield stage, "kill"
    for number, fault in enumerate(others):
        yield short[(5 * number + 2) % len(short)], fault
    yield "augment-server", "server"


def seeds(fault: str) -> list[int]:
    """Numbers of a cell's trials: for `kill` the points, for the other faults a tenth."""
    if CHOSEN.get("seed"):
        return [int(CHOSEN["seed"])]
    if not POINTS:
        return [0]
    return [*range(POINTS if fault == "kill" else max(1, POINTS // 10))]


def keep(stage: str, fault: str, verdicts: dict[int, Verdict]) -> None:
    """Write a cell's verdicts for the table."""
    if CHOSEN.get("results"):
        folder = Path(CHOSEN["results"])
        folder.mkdir(exist_ok=True)
        cell = {"stage": stage, "fault": fault, "verdicts": verdicts}
        (folder / f"{stage}.{fault}.json").write_text(json.dumps(cell, indent=1) + "\n")


@pytest.mark.timeout(36000 if POINTS else 900)  # the first one starts the servers
@pytest.mark.parametrize(("stage", "fault"), cells(), ids=lambda value: value)
def test_the_same_command_ends_as_if_nothing_had_happened(stage: str, fault: str, trials: Trials) -> None:
    if fault in MOUNTS and not can_mount():
        pytest.skip("only root may mount a small or read-only file system")
    found: dict[int, Verdict] = {}
    chosen = next(one for one in trials.world.stages() if one.name == stage)
    for seed in seeds(fault):
        found[seed] = getattr(trials, fault)(chosen, random.Random(f"{stage} {fault} {seed}"))
        keep(stage, fault, found)
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
