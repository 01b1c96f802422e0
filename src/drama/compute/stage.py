"""A stage's folder, for one process or several; a failed write is explained."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from drama.compute.world import World
from drama.errors import DramaError, FileError
from drama.settings import Section
from drama.workspace import StageRun, open_stage, read_manifest

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def open_stage_together(
    world: World, out: Path, stage: str, settings: Section, inputs: Mapping[str, Path], seed: int
) -> Iterator[StageRun]:
    """As `open_stage`: the main process opens the folder and writes, the others follow and write nothing.

    Raises:
        FileError: what `open_stage` raises; the folder is not shared between the processes; or it can't be
            written any more, in which case what was saved before is intact.
    """
    opened = open_stage(out, stage, settings, inputs, seed) if world.is_main else _followed(world, out)
    try:
        with opened as run:
            if world.is_main:
                world.broadcast_flag(run.done)
            yield run
    except (OSError, SafetensorError) as error:
        if not (error.errno in _NO_SPACE if isinstance(error, OSError) else "I/O error" in str(error)):
            raise
        raise FileError(
            out,
            f"can't be written ({error}); what was saved before is kept",
            hint="free some space and run the same command again: it resumes from there",
        ) from error


@contextmanager
def _followed(world: World, out: Path) -> Iterator[StageRun]:
    done = world.broadcast_flag(False)
    manifest = read_manifest(out)
    if manifest is None:
        raise FileError(out, "the main process's folder is not here", hint="use a folder all machines share")
    yield StageRun(out, manifest, done, resumed=not done)


def check_sharding(stage: str, shard: bool, world: World) -> None:
    """Refuse to shard layers over a single process, with a DramaError."""
    if shard and world.size == 1:
        raise DramaError(
            f"{stage}.shard: there is only one process", hint="start several with torchrun, or leave it out"
        )
