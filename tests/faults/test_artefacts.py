"""One bit flipped anywhere in a file that one command leaves for another: named, mended, or harmless.

Each kind of file is written once, damaged in a copy, and used. A use returns what was read, or fails with an
error for the user that names the file; anything else is wrong: another result, another exception.
"""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from harness.damage import flip

from drama.compute import load_checkpoint, save_checkpoint
from drama.errors import DramaError
from drama.prune.surgery.plan import LayerPlan, PruningPlan
from drama.prune.text.rows import domain_rows
from drama.records import Document, Example, write_examples, write_passages
from drama.retriever import EmbeddingStore, Retriever, RetrieverSettings, load_encoder
from drama.search import Index, build_index, encode_for_index
from drama.settings import Section
from drama.train.tokens import TokenFile, document_tokens, write_tokens
from drama.workspace import VectorReader, open_stage, read_manifest, write_vectors
from drama.workspace.outputs import check_content

FLIPS = 60
"""Of each file."""


class Kind(NamedTuple):
    """`make(folder)` writes files and `use(folder)` reads them; `files` is the pattern of those to damage."""

    files: str
    make: Callable[[Path], None]
    use: Callable[[Path], Any]


class Demo(Section):
    """A stage's settings."""

    size: int = 1


def documents() -> list[Document]:
    return [Document(f"d{i}", "", f"text number {i} of the library", "en", "s") for i in range(6)]


def vectors(folder: Path) -> None:
    rows_ND = np.random.default_rng(0).normal(size=(5, 3))
    write_vectors(folder / "v", 3, "float32", [(["a", "b", "c"], rows_ND[:3]), (["d", "e"], rows_ND[3:])])


def checkpoints(folder: Path) -> None:
    for step in (1, 2):
        save_checkpoint(
            folder, step, {"weight": torch.full((4, 4), float(step)), "step": torch.tensor([step])}
        )


def newest(folder: Path) -> list[Any]:
    """Of a damaged newest checkpoint, the one before it is used."""
    found = load_checkpoint(folder)
    assert found is not None
    step, tensors = found
    assert tensors["weight"].tolist() == [[float(step)] * 4] * 4
    assert tensors["step"].tolist() == [step]
    return ["a whole checkpoint"]


def tokens(folder: Path) -> None:
    write_tokens(folder / "tokens.arrow", [(["a", "b"], [[1, 5, 2], [1, 2]]), (["c"], [[7, 8]])])


def rebuilt_tokens(folder: Path) -> Any:
    write_passages(
        folder / "p.parquet", [Document("a", "", "x"), Document("b", "", "y"), Document("c", "", "z")]
    )

    class Tokeniser:
        def tokens(self, texts: list[str], *_: object) -> list[list[int]]:
            return [{"x": [1, 5, 2], "y": [1, 2], "z": [7, 8]}[text] for text in texts]

    example = Example("e", "q", ["a", "b", "c"], [], [1.0] * 3, [], "sent")
    made: Any = Tokeniser()
    file = document_tokens(made, [folder / "p.parquet"], [example], 8, folder / "tokens.arrow")
    assert isinstance(file, TokenFile)
    return {key: file[key] for key in sorted(file)}


class Words:
    """The part of a tokenizer that packs rows."""

    eos_token_id = 1

    def __call__(self, texts: Any, add_special_tokens: bool) -> dict[str, Any]:
        if isinstance(texts, str):
            return {"input_ids": [7]}
        return {"input_ids": [[2 + len(word) for word in text.split()] for text in texts]}


def rows(folder: Path) -> Any:
    found, small = domain_rows(documents() * 8, Words(), "lang", 4, 0, folder / "rows")
    return [(d.name, d.rows_RL.tolist(), d.held_out_RL.tolist()) for d in found], small


def plan(folder: Path) -> None:
    PruningPlan([0, 2, 5], [LayerPlan(3, [0, 1], [0, 1], [4, 7])]).write(folder / "plan.json")


def stage(folder: Path) -> None:
    """A finished stage, with each kind of output."""
    with open_stage(folder / "stage", "demo", Demo(), {}) as run:
        write_passages(run.folder / "passages.parquet", documents())
        rows = [Example(f"e{i}", f"q {i}", [f"d{i}"], ["d0"], [1.0], [0.5], "sent") for i in range(6)]
        write_examples(run.folder / "examples.parquet", rows)
        (run.folder / "model").mkdir()
        save_checkpoint(run.folder / "model", 1, {"weight": torch.ones(3)})
        run.count("ok", 6)
        run.figures["loss"] = 0.25


def taken(folder: Path) -> None:
    """As the next stage takes its inputs."""
    check_content(folder / "stage")


def manifest(folder: Path) -> Any:
    found = read_manifest(folder / "stage")
    return None if found is None else found.model_dump()


def copied(model: Path, folder: Path) -> None:
    shutil.copytree(model, folder / "model")


def answers(folder: Path) -> None:
    from drama.llm.answer import Answer
    from drama.llm.cache import AnswerCache

    with AnswerCache(folder / "answers.sqlite") as cache:
        cache.put({f"request {i}": Answer(f"what is number {i}") for i in range(20)})


def answered(folder: Path) -> Any:
    """An answer that is lost is asked for again: only a wrong one is wrong."""
    from drama.llm.cache import AnswerCache

    with AnswerCache(folder / "answers.sqlite") as cache:
        found = [cache.get(f"request {i}") for i in range(20)]
    return [answer for i, answer in enumerate(found) if answer and answer.text != f"what is number {i}"]


@pytest.fixture(scope="module")
def retriever(tiny_llm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("retriever") / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(16,), max_length=64)).save(folder)
    return folder


@pytest.fixture
def kinds(retriever: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Kind]:
    monkeypatch.setattr("drama.retriever.store.store._BLOCK", 4)
    model = Retriever.load(retriever)
    texts = [d.full_text for d in documents()]

    def index(folder: Path) -> None:
        encode_for_index(retriever, documents(), folder / "index")
        build_index(folder / "index")
        shutil.rmtree(folder / "index/embeddings")

    def search(folder: Path) -> Any:
        return Index.open(folder / "index").search("number 3", k=4)

    def store(folder: Path) -> None:
        EmbeddingStore(folder).documents(model, texts)

    def stored(folder: Path) -> Any:
        return EmbeddingStore(folder).documents(model, texts).vectors_ND.round(5).tolist()

    def load(folder: Path) -> Any:
        ids, vectors_ND = VectorReader(folder / "v").load()
        return ids, vectors_ND.tolist()

    def encoded(folder: Path) -> Any:
        return load_encoder(folder / "model").encode_queries(texts[:2]).round(5).tolist()

    return {
        "vector shard": Kind("v/*.npy", vectors, load),
        "ids of a shard": Kind("v/*.ids.json", vectors, load),
        "vectors.json": Kind("v/vectors.json", vectors, load),
        "index": Kind("index/*.*", index, search),
        "vectors of an index": Kind("index/vectors/*", index, search),
        "checkpoint": Kind("step-000002/*", checkpoints, newest),
        "token file": Kind("tokens.arrow", tokens, rebuilt_tokens),
        "rows": Kind("rows/*", lambda folder: rows(folder) and None, rows),
        "block of the embedding store": Kind("*.npy", store, stored),
        "places of the embedding store": Kind("places.sqlite", store, stored),
        "plan of a pruning": Kind("plan.json", plan, lambda folder: PruningPlan.read(folder / "plan.json")),
        "manifest": Kind("stage/manifest.json", stage, manifest),
        "passages.parquet": Kind("stage/passages.parquet", stage, taken),
        "examples.parquet": Kind("stage/examples.parquet", stage, taken),
        "model folder of a stage": Kind("stage/model/**/*", stage, taken),
        "model folder": Kind("model/*.safetensors", lambda folder: copied(retriever, folder), encoded),
        "answer cache": Kind("answers.sqlite", answers, answered),
    }


NAMES = (
    "vector shard", "ids of a shard", "vectors.json", "index", "vectors of an index", "checkpoint",
    "token file", "rows", "block of the embedding store", "places of the embedding store",
    "plan of a pruning", "manifest", "passages.parquet", "examples.parquet", "model folder of a stage",
    "model folder", "answer cache",
)  # fmt: skip


def wrong_uses(kind: Kind, place: Path, draw: random.Random) -> list[str]:
    """Flip single bits, use the files, and return in words what went wrong."""
    whole, damaged = place / "whole", place / "damaged"
    whole.mkdir()
    kind.make(whole)
    expected = kind.use(whole)
    files = [path.relative_to(whole) for path in sorted(whole.glob(kind.files)) if path.is_file()]
    assert files, "the files to damage"
    wrong: list[str] = []
    for file in files:
        for _ in range(FLIPS // len(files) + 1):
            shutil.rmtree(damaged, ignore_errors=True)
            shutil.copytree(whole, damaged)
            done = flip(damaged / file, draw)
            try:
                found = kind.use(damaged)
            except DramaError as error:
                if file.name not in error.message and file.parent.name not in error.message:
                    wrong.append(f"{done}: does not name the file: {error}")
            except Exception as error:
                wrong.append(f"{done}: {type(error).__name__}: {error}")
            else:
                if found != expected:
                    wrong.append(f"{done}: another result")
    return wrong


@pytest.mark.parametrize("name", NAMES)
def test_one_flipped_bit_is_named_mended_or_harmless(
    name: str, kinds: dict[str, Kind], tmp_path: Path
) -> None:
    wrong = wrong_uses(kinds[name], tmp_path, random.Random(name))
    assert not wrong, "\n".join(wrong[:5]) + f"\n({len(wrong)} in all)"


def test_a_file_that_nothing_checks_is_called_wrong(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        np.save(folder / "v.npy", np.ones(300))

    unchecked = Kind("v.npy", make, lambda folder: np.load(folder / "v.npy").tolist())
    assert len(wrong_uses(unchecked, tmp_path, random.Random(0))) > FLIPS // 2
