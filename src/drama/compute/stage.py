"""A stage's folder, for one process or several."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from drama.compute.world import World
from drama.errors import DramaError, FileError
from drama.settings import Section
from drama.workspace import StageRun, open_stage, read_manifest


@contextmanager
def open_stage_together(
    world: World,
    out: Path,
    stage: str,
    settings: Section,
    inputs: Mapping[str, Path],
    seed: int,
    *,
    revision: int = 1,
    scratch: Collection[str] = (),
    spare: Collection[str] = (),
) -> Iterator[StageRun]:
    """As `open_stage`: the main process opens the folder and writes, the others follow and write nothing.

    Raises:
        FileError: what `open_stage` raises; or the folder is not shared between the processes.
    """
    if world.is_main:
        opened = open_stage(
            out, stage, settings, inputs, seed, revision=revision, scratch=scratch, spare=spare
        )
    else:
        opened = _followed(world, out)
    with opened as run:
        if world.is_main:
            world.broadcast_flag(run.done)
        yield run


@contextmanager
def _followed(world: World, out: Path) -> Iterator[StageRun]:
    done = world.broadcast_flag(False)
    manifest = read_manifest(out)
    if manifest is None:
        raise FileError(out, "the main process's folder is not here", hint="use a folder all machines share")
    yield StageRun(out, manifest, done)


def check_sharding(stage: str, shard: bool, world: World) -> None:
    """Refuse to shard layers over a single process, with a DramaError."""
    if shard and world.size == 1:
        raise DramaError(
            f"{stage}.shard: there is only one process", hint="start several with torchrun, or leave it out"
        )
