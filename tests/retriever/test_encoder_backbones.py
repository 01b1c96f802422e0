"""Encoders that were bidirectional from the start (BERT) are backbones too."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from drama.records import Document, Example, write_examples, write_passages
from drama.retriever import Retriever, RetrieverSettings
from drama.train import TrainSettings, train
from drama.workspace import read_events

PLAIN = RetrieverSettings(query_prefix="", max_length=64)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    words = sorted({word.strip(".,").lower() for text in texts for word in text.split()})
    (folder / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, ".", ","])
    )
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words) + 7, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def test_it_encodes_as_in_sentence_transformers(bert: Path, texts: list[str], tmp_path: Path) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    retriever = Retriever.from_llm(bert, PLAIN)
    tokens = retriever.tokens(texts, "document")
    assert {(ids[0], ids[-1]) for ids in tokens} == {(2, 3)}
    torch.testing.assert_close(retriever.forward(tokens), retriever.forward(tokens, padded=True))
    retriever.save(tmp_path / "model")
    ours = Retriever.load(tmp_path / "model").encode_documents(texts)
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(texts)
    assert ((ours * theirs).sum(axis=1) >= 0.9999).all()


def test_it_trains(bert: Path, texts: list[str], tmp_path: Path) -> None:
    write_passages(tmp_path / "p.parquet", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    rows = [
        Example(f"e{i}", " ".join(t.split()[:4]), [f"d{i}"], [], [1.0], [], "sent", origin=f"d{i}")
        for i, t in enumerate(texts)
    ]
    write_examples(tmp_path / "e.parquet", rows)
    values = {
        "steps": 30, "batch_size": 4, "learning_rate": 3e-3, "precision": "fp32",
        "retriever": PLAIN.model_dump(), "embedding_learning_rate": 1e-3,
    }  # fmt: skip
    settings = TrainSettings.parse(values, "train")
    train(settings, bert, tmp_path / "p.parquet", tmp_path / "e.parquet", tmp_path / "out", 0)
    losses = [event["loss"] for event in read_events(tmp_path / "out/events.jsonl")]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
