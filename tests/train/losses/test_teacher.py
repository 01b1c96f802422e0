"""A teacher wider than the student: what the losses compare with are cosines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drama.errors import FileError
from drama.records import Document, Example, write_examples, write_passages
from drama.retriever import Retriever, RetrieverSettings
from drama.train import TrainSettings, train
from drama.train.batches.batch import draw_batch
from drama.train.losses.objective import Objective
from drama.train.losses.settings import LossSettings
from drama.train.losses.teacher import TeacherVectors, enter_teacher_space
from drama.workspace import read_manifest, write_vectors

WIDTH = 96
EXAMPLES = [Example(f"q{i}", f"{i}?", [f"d{i}"], [f"d{8 + i}"], [1.0], [0.1], "sent") for i in range(8)]
DOCUMENTS = [f"d{i}" for i in range(16)]


def write_teacher(folder: Path, silent: tuple[str, ...] = ()) -> Path:
    """Vectors of any length, as wide as no student here; those of `silent` are zero."""
    rng = np.random.default_rng(0)
    for name, ids in (("queries", [e.id for e in EXAMPLES]), ("documents", DOCUMENTS)):
        vectors = rng.normal(size=(len(ids), WIDTH)) * [[0.0 if i in silent else 1.0] for i in ids]
        write_vectors(folder / name, WIDTH, "float16", [(ids, vectors)])
    return folder


@pytest.fixture
def student(tiny_llm: Path) -> Retriever:
    return Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64))


def cut_teacher(student: Retriever, folder: Path) -> TeacherVectors:
    teacher = TeacherVectors(write_teacher(folder), EXAMPLES, DOCUMENTS)
    queries = student.tokens([e.query for e in EXAMPLES], "query")
    enter_teacher_space(student, teacher, EXAMPLES, queries, seed=0)
    assert teacher.dim == student.dim == 64 < WIDTH
    return teacher


def test_a_cut_leaves_unit_vectors_and_is_said(
    student: Retriever, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = cut_teacher(student, tmp_path)
    for vectors in (teacher.queries_QE, teacher.documents_NE):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    said = " ".join(capsys.readouterr().err.split())
    assert "the teacher's 96 dimensions are cut to the 64 of the backbone" in said
    assert "which hold 100.0% of its vectors" in said  # those of 16 documents


def test_kl_margins_and_the_filter_see_the_cosines_of_a_wider_teacher(
    student: Retriever, tmp_path: Path
) -> None:
    teacher = cut_teacher(student, tmp_path)
    distill = {"space": "teacher", "kl_weight": 0.5, "margin_weight": 1.0, "corpus_weight": 1.0}
    settings = LossSettings.model_validate({"distill": {**distill, "false_negative_margin": 0.05}})
    batch = draw_batch(EXAMPLES, list(range(8)), negatives=1, seed=0, step=0)
    queries, documents = teacher.of_queries(EXAMPLES), teacher.of_documents(batch.documents)
    as_the_teacher = torch.from_numpy(np.concatenate([queries, documents])) * 7
    _, parts = Objective(student, teacher, settings, seed=0).loss(batch, EXAMPLES, as_the_teacher)
    assert (parts["kl_loss"], parts["margin_loss"], parts["corpus_loss"]) == pytest.approx(
        (0, 0, 0), abs=1e-6
    )
    cosines = (queries @ documents.T) / np.outer(*(np.linalg.norm(v, axis=1) for v in (queries, documents)))
    own = cosines[range(8), batch.positive_B][:, None]
    assert parts["masked"] == int((cosines > own - 0.05).sum()) - 8 > 0


def test_examples_that_the_teacher_knows_nothing_about_are_left_out(tiny_llm: Path, tmp_path: Path) -> None:
    write_passages(tmp_path / "p.parquet", [Document(i, "", f"text {i}") for i in DOCUMENTS])
    write_examples(tmp_path / "e.parquet", EXAMPLES)
    values: dict[str, Any] = {"steps": 1, "batch": {"size": 2}, "loss": {"distill": {"kl_weight": 0.5}}}
    settings = TrainSettings.parse(values, "train")

    def run(name: str, *silent: str) -> dict[str, int]:
        teacher, out = write_teacher(tmp_path / f"{name} teacher", silent), tmp_path / name
        train(settings, tiny_llm, tmp_path / "p.parquet", tmp_path / "e.parquet", out, 0, teacher)
        return read_manifest(out).counts

    assert run("two", "q3", "d5")["examples: unknown to the teacher, left out"] == 2
    with pytest.raises(FileError, match="knows 0 of the examples"):
        run("none", *DOCUMENTS)
