"""manifest.json: a stage's inputs, settings, versions, results and files, and whether it is complete."""

import os
import platform
import shlex
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from drama.errors import FileError
from drama.files.checksums import read_sealed_json, write_sealed_json
from drama.files.reading import parse_json
from drama.redact import redacted

MANIFEST = "manifest.json"
_PACKAGES = ("drama-retrieval", "torch", "transformers", "tokenizers", "numpy", "bm25s", "ir-measures")


class Output(BaseModel):
    """A file as the stage left it."""

    model_config = ConfigDict(extra="forbid")

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """The record that each stage leaves in its folder.

    `inputs` are fingerprints, `paths` where they were; `counts` are rows by outcome (`ok`, `too short`, …);
    `figures` are the stage's own results. `outputs` are the files that a complete stage left, by their path
    in its folder; what only a resumed run needs is not among them.
    """

    model_config = ConfigDict(extra="forbid")

    stage: str
    revision: int = 0
    """Of the stage's code; see `open_stage`."""
    status: Literal["running", "complete"]
    fingerprint: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    paths: dict[str, str] = {}
    seed: int
    command: str
    versions: dict[str, str]
    machine: dict[str, Any]
    started: str
    seconds: float = 0.0
    counts: dict[str, int] = {}
    figures: dict[str, Any] = {}
    outputs: dict[str, Output] = {}


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a stage's folder, or None if there is none.

    Raises:
        FileError: it can't be read, or is not as it was written.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    hint = f"remove {path.parent} to redo the stage"
    try:
        return Manifest.model_validate(read_sealed_json(path, hint))
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise FileError(path, f"not a manifest of this version ({why})", hint=hint) from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it with a checksum over all of its values."""
    write_sealed_json(folder / MANIFEST, manifest.model_dump())


def is_manifest(path: Path) -> bool:
    """Whether a file named manifest.json is one of ours; other programs have files of that name."""
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and {"stage", "fingerprint", "status"} <= values.keys()


@lru_cache
def versions() -> dict[str, str]:
    """Python's version and those of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    commit = _commit(Path(__file__).parents[1])
    if commit:
        found["commit"] = commit
    return found


@lru_cache
def machine() -> dict[str, Any]:
    """The processor, its cores available to us, how many threads compute on them, and the memory in GiB."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = None
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return {
        "processor": model,
        "cores": cores,
        "threads": int(threads) if threads.isdigit() else cores,
        "memory_gib": memory,
        "system": platform.system(),
    }


def command() -> str:
    """The command line of this process, as one would type it, but for what looks like a secret."""
    return shlex.join(map(redacted, [Path(sys.argv[0]).name, *sys.argv[1:]]))


def _commit(package: Path) -> str | None:
    """The commit of our own source tree, with `-dirty` where files differ from it.

    None if the package is not tracked by the repository of our project: installed in, or copied into, another
    repository, it must not be recorded under that one's commit.
    """
    top = _git(package, "rev-parse", "--show-toplevel")
    if top is None or _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    project = Path(top) / "pyproject.toml"
    text = project.read_text(encoding="utf-8") if project.is_file() else ""
    if f'name = "{_PACKAGES[0]}"' not in text:
        return None
    return _git(package, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")


def _git(folder: Path, *words: str) -> str | None:
    """The output of git, or None if it fails, is missing or prints nothing."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
