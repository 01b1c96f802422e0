"""Stages whose inputs are no longer there."""

import shutil
from pathlib import Path

from drama.settings import Section
from drama.workspace import open_stage, outdated, read_manifest

NAMES = ("corpus", "train", "evaluate", "index", "search")


class Demo(Section):
    size: int = 1


def stage(run: Path, name: str, *reads: str, size: int = 1, cut_off: bool = False) -> None:
    try:
        with open_stage(run / name, name, Demo(size=size), {r: run / r for r in reads}) as work:
            if work.done:
                return
            if cut_off:
                raise KeyboardInterrupt
            (run / name / "made").write_text(f"{name} {size}")
    except KeyboardInterrupt:
        assert cut_off


def old(run: Path) -> list[str]:
    return outdated(run, {name: m for name in NAMES if (m := read_manifest(run / name)) is not None})


def test_stages_of_what_is_no_longer_there(tmp_path: Path) -> None:
    (tmp_path / "judged").write_text("judged")
    run = tmp_path / "run"
    stage(run, "corpus")
    stage(run, "train", "corpus/made")
    stage(run, "evaluate", "train/made", "../judged")
    stage(run, "index", "train/made", "corpus/made")
    stage(run, "search", "index")
    assert old(run) == []
    (tmp_path / "judged").write_text("not in the run")
    assert old(run) == []
    (run / "train/made").rename(run / "train/away")  # to save space
    assert old(run) == []
    (run / "train/away").rename(run / "train/made")

    stage(run, "train", "corpus/made", size=2)
    assert old(run) == ["evaluate", "index", "search"]
    stage(run, "index", "train/made", "corpus/made")
    assert old(run) == ["evaluate", "search"]
    stage(run, "search", "index")
    assert old(run) == ["evaluate"]
    stage(run, "evaluate", "train/made", "../judged")
    assert old(run) == []

    shutil.copytree(run, tmp_path / "copy")  # whose manifests name the files of the other run
    stage(run, "train", "corpus/made", size=1, cut_off=True)
    stage(run, "train", "corpus/made", size=2)  # the earlier results are back
    assert old(run) == []
    stage(run, "corpus", size=3)
    assert old(run) == ["train", "evaluate", "index", "search"]
    assert old(tmp_path / "copy") == []


def test_a_model_that_was_not_made_again_yet(tmp_path: Path) -> None:
    stage(tmp_path, "train")
    stage(tmp_path, "evaluate", "train/made")
    shutil.rmtree(tmp_path / "train")
    stage(tmp_path, "train", size=2, cut_off=True)
    assert old(tmp_path) == ["evaluate"]
