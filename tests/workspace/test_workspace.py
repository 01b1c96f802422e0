"""Stages: done, resumed, redone, refused."""

import shutil
import subprocess
from pathlib import Path

import pytest

import drama
from drama.errors import FileError
from drama.files import atomic_folder
from drama.settings import Section
from drama.workspace import open_stage, read_manifest
from drama.workspace.manifest import _commit


class Demo(Section):
    size: int = 1


def work(folder: Path, source: Path, size: int = 1, fail: bool = False) -> str:
    with open_stage(folder, "demo", Demo(size=size), {"source": source}) as run:
        if run.done:
            return "skipped"
        resumed = (folder / "begun").is_file()
        (folder / "begun").write_text("x")
        if fail:
            raise RuntimeError("cut off")
        (folder / "made").write_text("x")
        run.count("ok", 2)
        return "resumed" if resumed else "made"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_text("one")
    return path


def test_a_stage_is_skipped_only_when_nothing_changed(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out"
    assert [work(out, source), work(out, source)] == ["made", "skipped"]
    assert work(out, source, size=2) == "made"
    source.write_text("two")
    assert work(out, source, size=2) == "made"
    manifest = read_manifest(out)
    assert manifest is not None
    assert (manifest.status, manifest.counts) == ("complete", {"ok": 2})


def test_a_stage_that_was_cut_off_is_resumed(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(RuntimeError):
        work(out, source, fail=True)
    assert work(out, source) == "resumed"


def test_somebodys_folder_is_refused(tmp_path: Path, source: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(FileError, match="was not made by drama"):
        work(tmp_path / "mine", source)
    assert (tmp_path / "mine/thesis.txt").exists()


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="nowhere"):
        work(tmp_path / "out", tmp_path / "nowhere")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def half() -> None:
        with atomic_folder(tmp_path / "model") as folder:
            (folder / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("project", "tracked", "recorded"),
    [("drama-retrieval", True, True), ("drama-retrieval", False, False), ("thesis", True, False)],
)
def test_the_commit_of_somebody_elses_repository_is_not_ours(
    project: str, tracked: bool, recorded: bool, tmp_path: Path
) -> None:
    package = tmp_path / "src/drama"
    package.mkdir(parents=True)
    shutil.copy(drama.__file__, package)
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "{project}"\n')

    def git(*words: str) -> None:
        own = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(tmp_path))
        subprocess.run(["git", *own, *words], check=True, capture_output=True)

    git("init")
    git("add", "." if tracked else "pyproject.toml")
    git("commit", "-m", "first")
    assert (_commit(package) is not None) is recorded
