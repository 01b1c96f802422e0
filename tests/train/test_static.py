"""A student without layers: the table of a parent, and the one that ridge regression finds."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from drama.errors import DramaError, FileError
from drama.prune import PruneSettings, planned_rounds, prune
from drama.recipe import run_recipe
from drama.records import Document, write_passages
from drama.retriever import Retriever, load_encoder
from drama.settings import write_yaml
from drama.train import TrainSettings, train
from drama.train.static import fit_table
from drama.train.static_settings import StaticSettings
from drama.workspace import write_vectors


@pytest.fixture
def passages(tmp_path: Path, texts: list[str]) -> Path:
    write_passages(tmp_path / "passages.parquet", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    return tmp_path / "passages.parquet"


def cut(parent: Path, **values: object) -> PruneSettings:
    return PruneSettings.parse(
        {"parent": str(parent), "method": "first", "shape": {"layers": 0}, **values}, "prune"
    )


def table(parent: Path, passages: Path, out: Path) -> Path:
    prune(cut(parent), passages, out)
    return out / "model"


def settings(**values: object) -> TrainSettings:
    retriever = {"query_prefix": "", "max_length": 64, **values.pop("retriever", {})}  # type: ignore[dict-item]
    return TrainSettings.parse({"steps": 0, "static": {}, "retriever": retriever, **values}, "train")


def teacher(folder: Path, texts: list[str], names: list[str] | None = None) -> np.ndarray:
    """Vectors that a mean of token vectors can give, and their folder."""
    words = sorted({word for text in texts for word in text.lower().replace(".", "").split()})
    rows = dict(zip(words, np.random.default_rng(0).normal(size=(len(words), 8)), strict=True))
    vectors = np.stack([sum(rows[w] for w in t.lower().replace(".", "").split()) for t in texts])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    shards = [(names or [f"d{i}" for i in range(len(texts))], vectors)]
    write_vectors(folder / "documents", 8, "float32", shards)
    return vectors


@pytest.mark.parametrize("parent", ["bert", "tiny_llm"])
def test_only_the_table_stays(
    parent: str, passages: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(parent)
    model = AutoModel.from_pretrained(table(folder, passages, tmp_path / "out"))
    rows = AutoModel.from_pretrained(folder).get_input_embeddings().weight
    states = model(input_ids=torch.tensor([[3, 9, 4]])).last_hidden_state[0]
    torch.testing.assert_close(states, rows[[3, 9, 4]], rtol=1e-5, atol=1e-6)
    assert planned_rounds(cut(folder))[-1].layers == 0


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"method": "uniform"}, r"prune\.method: uniform is for layers, and prune\.shape\.layers is 0"),
        ({"tokens": 50_000}, r"prune\.tokens is for layers"),
        ({"shape": {"layers": 0, "hidden": 16}}, r"prune\.shape\.hidden is for layers"),
    ],
)
def test_what_is_for_layers_is_refused(tiny_llm: Path, values: dict[str, object], problem: str) -> None:
    with pytest.raises(DramaError, match=problem):
        planned_rounds(cut(tiny_llm, **values))


def test_the_table_is_the_ridge_solution() -> None:
    rng = np.random.default_rng(0)
    ids = [rng.integers(1, 9, size=rng.integers(3, 9)).tolist() for _ in range(20)]
    targets = rng.normal(size=(20, 3)).astype(np.float32)
    how = StaticSettings(ridge=0.7, iterations=200)
    fitted = fit_table(zip(ids, targets, strict=True), 10, [0], how)
    counts = np.stack([np.bincount(each, minlength=10) for each in ids]).astype(float)
    having = (counts > 0).sum(axis=0)
    idf = np.where(having > 0, np.log(1 + (20 - having + 0.5) / (having + 0.5)), 0) ** 1.5
    weights = counts * idf
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    solution = np.linalg.solve(weights.T @ weights + 0.7 * np.eye(10), weights.T @ targets)
    np.testing.assert_allclose(fitted.table_VE, idf[:, None] * solution, atol=2e-3)
    assert not fitted.table_VE[0].any()
    assert not fitted.table_VE[9].any()


@pytest.mark.parametrize("parent", ["bert", "tiny_llm"])
def test_its_vectors_are_the_teachers(
    parent: str, passages: Path, tmp_path: Path, texts: list[str], request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(parent)
    wanted = teacher(tmp_path / "teacher", texts)
    backbone = table(folder, passages, tmp_path / "cut")
    how = settings(static={"ridge": 0.01}, retriever={"dims": [4]})
    manifest = train(how, backbone, passages, None, tmp_path / "out", teacher=tmp_path / "teacher")
    student = load_encoder(tmp_path / "out/model")
    vectors = student.encode_documents(texts)
    # the teacher's space is rotated, so cosines between texts are compared
    np.testing.assert_allclose(vectors @ vectors.T, wanted @ wanted.T, atol=0.15)
    assert manifest.figures["static_documents"] == len(texts)
    assert manifest.figures["static_cosine"] > 0.97
    assert student.dims == (8, 4)

    from sentence_transformers import SentenceTransformer

    other = SentenceTransformer(str(tmp_path / "out/model")).encode(texts)
    np.testing.assert_allclose(other, vectors, atol=1e-5)


def test_the_quick_way_is_the_models_own(bert: Path, passages: Path, tmp_path: Path) -> None:
    retriever = Retriever.from_llm(table(bert, passages, tmp_path / "out"))
    tokens = [[2, 7, 3], [2, 8, 9, 10, 3]]
    quick, padded = retriever.forward(tokens), retriever.forward(tokens, padded=True)
    model = retriever.backbone
    plain = torch.stack([model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0) for ids in tokens])
    torch.testing.assert_close(quick, plain, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(padded, plain, rtol=1e-5, atol=1e-6)


def test_a_large_corpus_is_sampled(bert: Path, passages: Path, tmp_path: Path, texts: list[str]) -> None:
    teacher(tmp_path / "teacher", texts)
    backbone = table(bert, passages, tmp_path / "cut")
    how = settings(static={"documents": 2})
    manifest = train(how, backbone, passages, None, tmp_path / "out", teacher=tmp_path / "teacher")
    assert 1 <= manifest.figures["static_documents"] <= 2


def test_mistakes(bert: Path, passages: Path, tmp_path: Path, texts: list[str]) -> None:
    teacher(tmp_path / "teacher", texts)
    backbone = table(bert, passages, tmp_path / "cut")
    with pytest.raises(DramaError, match="no teacher vectors"):
        train(settings(), backbone, passages, None, tmp_path / "out")
    with pytest.raises(DramaError, match="the backbone has 3 layers"):
        train(settings(), bert, passages, None, tmp_path / "out2", teacher=tmp_path / "teacher")
    with pytest.raises(DramaError, match=r"static: fitted in closed form, and steps is 5"):
        settings(steps=5)
    teacher(tmp_path / "other", texts, [f"x{i}" for i in range(len(texts))])
    with pytest.raises(FileError, match="the vector of 'x0' stands where 'd0' is"):
        train(settings(), backbone, passages, None, tmp_path / "out3", teacher=tmp_path / "other")


def test_a_recipe_makes_one(bert: Path, tmp_path: Path, small_collection: Path) -> None:
    recipe = {
        "run": str(tmp_path / "run"),
        "corpus": {"inputs": [str(small_collection)]},
        "prune": {"parent": str(bert), "method": "first", "shape": {"layers": 0}},
        "augment": {"label": {"retrievers": [str(bert), "lsa"], "keep_vectors": True, "depth": 5}},
        "train": {
            "steps": 0,
            "static": {},
            "retriever": {"query_prefix": "", "max_length": 64, "lexical": {"dims": 64}},
        },
        "evaluate": {"models": ["bm25", "student"], "collections": [str(small_collection)]},
        "index": {},
    }
    write_yaml(tmp_path / "recipe.yaml", recipe, "")
    run_recipe(tmp_path / "recipe.yaml", [])
    student = Retriever.load(tmp_path / "run/train/model")
    assert student.backbone.config.num_hidden_layers == 0
    run_recipe(tmp_path / "recipe.yaml", [])  # nothing to do
    with pytest.raises(DramaError, match=r"train\.static: the student has layers"):
        run_recipe(tmp_path / "recipe.yaml", [f"run={tmp_path / 'other'}", "prune.shape.layers=2"])
    with pytest.raises(DramaError, match=r"train\.static needs the labelling model's vectors"):
        run_recipe(
            tmp_path / "recipe.yaml", [f"run={tmp_path / 'other'}", "augment.label.keep_vectors=false"]
        )
