"""The stage's folder, for one process or several; a write that fails there is explained."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from drama.errors import FileError
from drama.prune.settings import PruneSettings
from drama.prune.world import World
from drama.workspace import StageRun, open_stage, read_manifest

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def opened(
    world: World, out: Path, settings: PruneSettings, inputs: Mapping[str, Path], seed: int
) -> Iterator[StageRun]:
    """As `open_stage`: the first process opens the folder and writes, the others follow and write nothing.

    Raises:
        FileError: what `open_stage` raises; the folder is not shared between the processes; or it can't be
            written any more, with what was saved before whole.
    """
    try:
        with _first(world, out, settings, inputs, seed) if world.writes else _other(world, out) as run:
            yield run
    except (OSError, SafetensorError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_ROOM:
            raise
        raise FileError(
            out,
            f"can't be written ({error}); what was saved before is kept",
            hint="free some space and run the same again: it goes on from there",
        ) from error


@contextmanager
def _first(
    world: World, out: Path, settings: PruneSettings, inputs: Mapping[str, Path], seed: int
) -> Iterator[StageRun]:
    with open_stage(out, "prune", settings, inputs, seed) as run:
        world.agree(run.done)
        yield run


@contextmanager
def _other(world: World, out: Path) -> Iterator[StageRun]:
    done = world.agree(False)
    manifest = read_manifest(out)
    if manifest is None:
        raise FileError(out, "the first process's folder is not here", hint="share it between the machines")
    yield StageRun(out, manifest, done, resumed=not done)
