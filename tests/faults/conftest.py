"""The harness as a package, and one set of servers and inputs for all trials of a session."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.command import Commands
from harness.llm import chat_server
from harness.stages import SMALL_BLOCKS, World
from harness.trial import Trials, Verdict

POINTS = "DRAMA_FAULT_POINTS"
"""Environment variable: points a stage of `make faults`; without it, the short sweep of `make test`."""
RESULTS = "DRAMA_FAULT_RESULTS"
"""Environment variable: the folder for verdicts, which `harness.table` reads."""


@pytest.fixture(scope="session")
def trials(
    tiny_llm: Path, small_collection: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trials]:
    root = tmp_path_factory.mktemp("faults")
    with (
        chat_server() as chat,
        Commands(root / "first", 1, SMALL_BLOCKS) as first,
        Commands(root / "last", 2, SMALL_BLOCKS) as last,
    ):
        world = World(root / "world", tiny_llm, small_collection, chat.address)
        world.build(first)
        yield Trials(world, first, last, chat, root / "trials")


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, str, dict[int, Verdict]], None]:
    """Keep the verdicts of a cell: in a file for the table, if one is to be written."""

    def keep(stage: str, fault: str, verdicts: dict[int, Verdict]) -> None:
        if folder := os.environ.get(RESULTS):
            Path(folder).mkdir(parents=True, exist_ok=True)
            cell = {"stage": stage, "fault": fault, "verdicts": verdicts}
            (Path(folder) / f"{stage}.{fault}.json").write_text(json.dumps(cell, indent=1) + "\n")

    return keep
