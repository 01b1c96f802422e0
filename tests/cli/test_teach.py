"""An LLM taught as a retriever: its folder labels a corpus as it is."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from drama import Retriever
from drama.augment import AugmentSettings, augment
from drama.cli import _app
from drama.errors import DramaError
from drama.records import Document, Example, read_examples, write_examples, write_passages
from drama.workspace import read_manifest

pytest.importorskip("peft")


def teach(*options: object) -> Result:
    return CliRunner().invoke(_app(), ["teach", *map(str, options)], catch_exceptions=False)


@pytest.mark.parametrize(("preset", "pooling"), [("repllama", "last"), ("small", "mean")])
def test_what_teach_leaves_labels_a_corpus(
    tiny_llm: Path, small_collection: Path, texts: list[str], tmp_path: Path, preset: str, pooling: str
) -> None:
    collection = shutil.copytree(small_collection, tmp_path / "judged")
    (collection / "qrels/test.tsv").rename(collection / "qrels/train.tsv")
    done = teach(
        tiny_llm, collection, "--out", tmp_path, "--preset", preset, "--crops", 0, "--steps", 3,
        "--set", "batch.size=4", "--set", "optimiser.learning_rate=0.01",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    model = tmp_path / "train/model"
    assert done.stdout.strip() == str(model)
    rows = list(read_examples(tmp_path / "augment/examples.parquet"))
    assert len(rows) == 8
    assert all(row.kind == "supervised" and row.negative_ids for row in rows)
    assert not any({*row.positive_ids} & {*row.negative_ids} for row in rows)
    taught = Retriever.load(model)
    assert (taught.settings.pooling, taught.settings.bidirectional) == (pooling, pooling == "mean")
    plain = Retriever.from_llm(tiny_llm, taught.settings)
    assert not np.allclose(taught.encode_documents(texts), plain.encode_documents(texts), atol=1e-3)
    labels = AugmentSettings.parse({"label": {"retrievers": [str(model)]}}, "augment")
    augment(labels, tmp_path / "corpus/passages.parquet", tmp_path / "labelled")
    assert list(read_examples(tmp_path / "labelled/examples.parquet"))


def test_plain_texts_teach_by_their_sentences(
    tiny_llm: Path, small_collection: Path, texts: list[str], tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / f"notes/{number}.txt").write_text(text)
    command = [tiny_llm, "--corpus", tmp_path / "notes", "--steps", 2, "--set", "batch.size=4"]
    done = teach(*command, "--out", tmp_path / "plain")
    assert done.exit_code == 0, done.output
    rows = list(read_examples(tmp_path / "plain/augment/examples.parquet"))
    assert rows
    assert {row.kind for row in rows} == {"sent"}
    assert Retriever.load(tmp_path / "plain/train/model").settings.pooling == "mean"

    collection = shutil.copytree(small_collection, tmp_path / "judged")
    (collection / "qrels/test.tsv").rename(collection / "qrels/train.tsv")
    done = teach(*command, collection, "--out", tmp_path / "both")
    assert done.exit_code == 0, done.output
    rows = list(read_examples(tmp_path / "both/augment/examples.parquet"))
    assert {row.kind for row in rows} == {"sent", "supervised"}
    with pytest.raises(DramaError, match="no queries but sentences"):
        teach(*command, "--crops", 0, "--out", tmp_path / "none")
    with pytest.raises(DramaError, match="nothing to learn from"):
        teach(tiny_llm, "--out", tmp_path / "none")


def test_a_test_split_is_refused(tiny_llm: Path, small_collection: Path, tmp_path: Path) -> None:
    with pytest.raises(DramaError, match="a test split is for evaluation"):
        teach(tiny_llm, small_collection, "--split", "test", "--out", tmp_path)
    assert not any(tmp_path.iterdir())


def test_the_improvement_round_trains_on_preferences_too(
    tiny_llm: Path, small_collection: Path, texts: list[str], tmp_path: Path
) -> None:
    collection = shutil.copytree(small_collection, tmp_path / "judged")
    (collection / "qrels/test.tsv").rename(collection / "qrels/train.tsv")
    passages, examples = tmp_path / "p.parquet", tmp_path / "e.parquet"
    write_passages(passages, [Document(f"d{i}", "", text) for i, text in enumerate(texts)])
    names = [f"d{i}" for i in range(5)]
    write_examples(
        examples, [Example("rerank-a", "which?", names[:1], names[1:], [1.0], [0.1] * 4, "rerank")]
    )
    command = [
        tiny_llm, collection, "--out", tmp_path / "out", "--steps", 2, "--crops", 0, "--set", "batch.size=4",
        "--examples", examples,
    ]  # fmt: skip
    with pytest.raises(DramaError, match="--examples and --passages go together"):
        teach(*command)
    done = teach(*command, "--passages", passages)
    assert done.exit_code == 0, done.output
    counts = read_manifest(tmp_path / "out/train").counts
    assert (counts["examples: supervised"], counts["examples: rerank"]) == (8, 1)
