"""The harness as a package, and one set of servers and inputs for all trials of a session."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.command import Commands
from harness.llm import chat_server
from harness.stages import SMALL_BLOCKS, World
from harness.trial import Trials


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
