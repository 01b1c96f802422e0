"""The bench of students on two tiny collections: its rows, what it resumes, and what its summary says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from drama.errors import DramaError, FileError
from drama_bench.student import bench_student
from drama_bench.student.bench import Arm, arm_of
from drama_bench.student.worlds import HALVES, worlds

ROWS = {"bm25", "bm25-smoothed", "lsa", "all free rankings"}
STUDENT_ROWS = {"student", "student, smoothed", "student + bm25", "hybrid", "everything"}


@pytest.fixture
def data(tmp_path: Path, small_collection: Path, texts: list[str]) -> Path:
    for name in ("cranfield", "cisi"):
        shutil.copytree(small_collection, tmp_path / "data/collections" / name)
    (tmp_path / "data/corpora").mkdir()
    for name in HALVES["corpora"]:
        rows = [json.dumps({"_id": f"d{i}", "text": f"{name} says: {text}"}) for i, text in enumerate(texts)]
        (tmp_path / f"data/corpora/{name}.jsonl").write_text("\n".join(rows))
    return tmp_path / "data"


@pytest.fixture
def arm(tmp_path: Path, bert: Path) -> Arm:
    recipe = {
        "run": "unused",
        "prune": {"parent": str(bert), "method": "first"},
        "train": {"steps": 0, "retriever": {"query_prefix": "", "max_length": 64, "lexical": {"dims": 256}}},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return Arm("tiny", str(tmp_path / "recipe.yaml"))


def run(data: Path, arm: Arm, bert: Path, size: str, seeds: tuple[int, ...]) -> dict[str, Any]:
    root, names = data.parent, ("cranfield", "cisi")
    path = bench_student(
        data, root / "work", root / "out", [arm], names, size, seeds, [str(bert)], documents=40, max_length=64
    )
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_all_rows_and_a_summary(data: Path, arm: Arm, bert: Path) -> None:
    found = run(data, arm, bert, "mixed", (1, 2))
    names = {row["row"] for row in found["rounds"]}
    teacher = str(bert)
    assert names == {*ROWS, teacher, f"{teacher} + bm25", *(f"tiny: {row}" for row in STUDENT_ROWS)}
    summary = found["summary"]
    assert summary["unseen"] == []  # earlier recipes were tuned on both
    assert summary["chosen"] == {"a": "tiny", "b": "tiny"}
    for key in ("alone", "hybrid", "best_teacher", "teacher_plus_bm25"):
        assert summary[key].keys() == {"cranfield", "cisi"}
    assert {*summary["minutes"]} == {"tiny-1", "tiny-2"}
    assert all(0 < test["p"] <= 1 for test in summary["tests"])
    raw = [data.parent / f"out/student/mixed/mixed-tiny-{seed}.json" for seed in (1, 2)]
    first, second = (json.loads(path.read_text())["rounds"][0]["by_query"] for path in raw)
    assert {len(values) for values in first.values()} == {8}
    both = [(first["hybrid"][q] + second["hybrid"][q]) / 2 for q in first["hybrid"]]
    assert summary["hybrid"]["cranfield"] == pytest.approx(sum(both) / 8, abs=1e-4)
    assert json.loads((data.parent / "out/student.json").read_text())["summary"] == summary


def test_what_is_finished_is_not_run_again(data: Path, arm: Arm, bert: Path) -> None:
    run(data, arm, bert, "alone", (1,))
    out = data.parent / "out/student/alone"
    files = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert files.keys() == {f"{c}-{n}.json" for c in ("cranfield", "cisi") for n in ("baselines", "tiny-1")}
    (out / "cisi-tiny-1.json").unlink()
    run(data, arm, bert, "alone", (1,))
    again = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert {name for name in again if again[name] != files[name]} == {"cisi-tiny-1.json"}
    with pytest.raises(FileError, match="made by other settings"):
        run(data, arm._replace(overrides=("train.retriever.lexical.weight=1.0",)), bert, "alone", (1,))


def test_the_mixed_corpus_is_whole_and_its_ids_differ(data: Path) -> None:
    (mixed,) = worlds(data, ["cranfield", "cisi"], "mixed", 40)
    ids = [document.id for document in mixed.documents]
    assert len(ids) == len({*ids}) == 40
    for collection in mixed.collections:
        assert {d for grades in collection.qrels.values() for d in grades} <= {*ids}
    (again,) = worlds(data, ["cranfield", "cisi"], "mixed", 40)
    assert [document.id for document in again.documents] == ids
    with pytest.raises(DramaError, match="no size 'huge'"):
        list(worlds(data, ["cisi"], "huge", 40))
    with pytest.raises(DramaError, match="documents, of 9999"):
        list(worlds(data, ["cisi"], "mixed", 9999))


def test_arms_on_the_command_line() -> None:
    for wrong in ("adapt", "=adapt", "light="):
        with pytest.raises(DramaError, match="not NAME=RECIPE"):
            arm_of(wrong)
