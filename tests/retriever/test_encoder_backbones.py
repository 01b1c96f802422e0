"""Encoders that were bidirectional from the start (BERT and its like) are backbones too."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModel,
    DebertaV2Config,
    MPNetConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
)

import drama.retriever.forward.choose
from drama.errors import DramaError
from drama.records import Document, Example, write_examples, write_passages
from drama.retriever import Retriever, RetrieverSettings, load_encoder
from drama.train import TrainSettings, train
from drama.workspace import read_events

PLAIN = RetrieverSettings(query_prefix="", max_length=64)


SIZE: dict[str, Any] = {
    "vocab_size": 80, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": 66, "bos_token_id": 0, "pad_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
FAMILIES = {
    "xlm-roberta": XLMRobertaConfig(**SIZE),
    "mpnet": MPNetConfig(**SIZE),
    "deberta": DebertaV2Config(**SIZE, type_vocab_size=0, relative_attention=True, pos_att_type=["c2p"]),
}


def of_family(config: PreTrainedConfig, folder: Path, texts: list[str]) -> Path:
    """A model with random weights, and a tokenizer that numbers its special tokens as RoBERTa does."""
    words = sorted({word.strip(".,") for text in texts for word in text.split()} | {".", ","})
    vocabulary = {word: i for i, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *words])}
    assert len(vocabulary) <= config.vocab_size
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    special = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    PreTrainedTokenizerFast(
        tokenizer_object=backend, **special, pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    return folder


def sentences(texts: list[str], folder: Path) -> tuple[Path, Path]:
    """Files of passages and examples, one each a text."""
    write_passages(folder / "p.parquet", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    rows = [
        Example(f"e{i}", " ".join(t.split()[:4]), [f"d{i}"], [], [1.0], [], "sent", origin=f"d{i}")
        for i, t in enumerate(texts)
    ]
    write_examples(folder / "e.parquet", rows)
    return folder / "p.parquet", folder / "e.parquet"


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_has_the_vectors_of_its_padded_path_and_of_sentence_transformers(
    family: str, texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    folder = of_family(FAMILIES[family], tmp_path / "llm", texts)
    before = torch.get_rng_state()
    retriever = Retriever.from_llm(folder, PLAIN)
    assert torch.equal(torch.get_rng_state(), before)
    assert retriever.packs is (family == "xlm-roberta")
    assert ("they go padded" in capsys.readouterr().err) is not retriever.packs
    tokens = retriever.tokens(texts, "document")
    alone_BD = torch.cat([retriever.forward([ids], padded=True) for ids in tokens])
    torch.testing.assert_close(retriever.forward(tokens, padded=True), alone_BD, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(retriever.forward(tokens), alone_BD, atol=1e-5, rtol=1e-5)
    retriever.save(tmp_path / "model")
    ours = Retriever.load(tmp_path / "model").encode_documents(texts)
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(texts)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_training_takes_the_path_that_the_family_can(
    family: str, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = of_family(FAMILIES[family], tmp_path / "llm", texts)
    passes: list[int] = []
    real = drama.retriever.forward.choose.packed_states

    def watched(backbone: Any, tokens: Any) -> Any:
        passes.append(len(tokens))
        return real(backbone, tokens)

    monkeypatch.setattr("drama.retriever.forward.choose.packed_states", watched)
    settings = TrainSettings.parse(
        {
            "steps": 2,
            "batch": {"size": 4},
            "compute": {"precision": "fp32"},
            "retriever": PLAIN.model_dump(),
        },
        "train",
    )
    train(settings, folder, *sentences(texts, tmp_path), tmp_path / "out", 0)
    assert bool(passes) is (family == "xlm-roberta")
    events = read_events(tmp_path / "out/events.jsonl")
    assert all((event["padding"] > 0) is not bool(passes) for event in events)


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
    values = {
        "steps": 30, "batch": {"size": 4}, "compute": {"precision": "fp32"}, "retriever": PLAIN.model_dump(),
        "optimiser": {"learning_rate": 3e-3, "embedding_learning_rate": 1e-3},
    }  # fmt: skip
    settings = TrainSettings.parse(values, "train")
    train(settings, bert, *sentences(texts, tmp_path), tmp_path / "out", 0)
    losses = [event["loss"] for event in read_events(tmp_path / "out/events.jsonl")]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_lengths_beyond_the_positions_are_refused_before_the_first_step(
    bert: Path, texts: list[str], tmp_path: Path
) -> None:
    family = of_family(FAMILIES["xlm-roberta"], tmp_path / "llm", texts)  # 66 rows, of which 2 come first
    files = sentences(texts, tmp_path)
    settings = TrainSettings.parse(
        {"retriever": {"max_length": 65}, "batch": {"document_length": 65}}, "train"
    )
    for number, backbone in enumerate((bert, family)):
        out = tmp_path / f"out-{number}"
        with pytest.raises(DramaError, match=r"^train.retriever.max_length: .* 65 tokens\n.*at most 64$"):
            train(settings, backbone, *files, out, 0)
        assert not (out / "events.jsonl").exists()


def test_an_encoder_is_not_opened_for_texts_that_it_cant_read(
    bert: Path, texts: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("sentence_transformers")
    folder = tmp_path / "model"
    Retriever.from_llm(bert, PLAIN).save(folder)
    long = [" ".join(texts)]
    assert np.isfinite(load_encoder(folder, 64).encode_documents(long)).all()
    with pytest.raises(DramaError, match=r"max_length of .*model: .* 65 tokens"):
        load_encoder(folder, 65)
    (folder / "drama.json").unlink()  # as others' folders are
    (folder / "SHA256SUMS").unlink()
    assert np.isfinite(load_encoder(folder, 64).encode_documents(long)).all()
    with pytest.raises(DramaError, match=r"max_length of .*model: .* 65 tokens"):
        load_encoder(folder, 65)


def test_the_model_card_counts_no_token_embeddings(bert: Path, tmp_path: Path) -> None:
    retriever = Retriever.from_llm(bert, PLAIN)
    retriever.save(tmp_path / "model")
    body = sum(p.numel() for n, p in retriever.backbone.named_parameters() if "word_embeddings" not in n)
    assert f"\n{body:,} parameters without embeddings." in (tmp_path / "model/README.md").read_text()
