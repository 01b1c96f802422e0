"""Models of others: what sentence-transformers opens is opened, with its vectors; rerankers are refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification, BertModel, T5Config, T5EncoderModel

from drama.errors import DramaError
from drama.retriever import Retriever, RetrieverSettings, load_encoder

st = pytest.importorskip("sentence_transformers")


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def listed(bert: Path, tmp_path: Path) -> Path:
    """A folder of sentence-transformers around BERT."""
    from sentence_transformers.models import Pooling, Transformer

    st.SentenceTransformer(modules=[Transformer(str(bert)), Pooling(32)], device="cpu").save(
        str(tmp_path / "listed")
    )
    return tmp_path / "listed"


def test_an_encoder_without_modules_stays_bidirectional(bert: Path, texts: list[str]) -> None:
    texts = [*texts, " ".join(texts * 3)]  # longer than its 64 positions
    encoder = load_encoder(bert)
    assert isinstance(encoder, Retriever)
    assert (encoder.settings.bidirectional, encoder.settings.max_length) == (True, 64)
    theirs = st.SentenceTransformer(str(bert), device="cpu").encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode_documents(texts), theirs, atol=1e-5)
    with pytest.raises(DramaError, match="BertModel was always bidirectional, and causal was requested"):
        Retriever.from_llm(bert, RetrieverSettings(bidirectional=False, max_length=64))


def test_static_embeddings_and_old_layouts_are_opened(listed: Path, tmp_path: Path, texts: list[str]) -> None:
    from sentence_transformers.models import StaticEmbedding

    words = Tokenizer.from_file(str(listed / "tokenizer.json"))
    static = st.SentenceTransformer(modules=[StaticEmbedding(words, embedding_dim=8)], device="cpu")
    static.save(str(tmp_path / "static"))
    inner = listed / "0_Transformer"
    inner.mkdir()
    for path in listed.iterdir():
        if path.is_file() and path.name not in ("modules.json", "config_sentence_transformers.json"):
            shutil.move(path, inner)
    modules = json.loads((listed / "modules.json").read_text())
    modules[0]["path"] = inner.name
    (listed / "modules.json").write_text(json.dumps(modules))
    for folder in (tmp_path / "static", listed):
        assert not (folder / "config.json").exists()
        theirs = st.SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
        np.testing.assert_allclose(load_encoder(folder).encode_documents(texts), theirs, atol=1e-6)
        with pytest.raises(DramaError, match=r"no config\.json"):
            Retriever.from_llm(folder)


def test_an_encoder_with_a_decoder_is_left_to_sentence_transformers(
    bert: Path,
    tmp_path: Path,
    texts: list[str],
) -> None:
    folder = tmp_path / "t5"
    rows = json.loads((bert / "config.json").read_text())["vocab_size"]
    config = T5Config(vocab_size=rows, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5EncoderModel(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(bert / name, folder)
    edit(folder / "config.json", is_encoder_decoder=True)
    theirs = st.SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(load_encoder(folder).encode_documents(texts), theirs, atol=1e-5)


def test_rerankers_and_classifiers_are_refused(bert: Path, listed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reranker"
    shutil.copytree(bert, folder)
    model = BertForSequenceClassification.from_pretrained(bert, num_labels=1)
    model.save_pretrained(folder)
    with pytest.raises(DramaError, match="BertForSequenceClassification: a reranker or classifier"):
        load_encoder(folder)
    edit(listed / "config_sentence_transformers.json", model_type="CrossEncoder")
    with pytest.raises(DramaError, match="CrossEncoder: a reranker or classifier"):
        load_encoder(listed)


@pytest.mark.parametrize("kind", ["missing", "prefix", "nan", "shape"])
def test_damage_in_a_listed_model_is_found(kind: str, listed: Path) -> None:
    tensors = load_file(listed / "model.safetensors")
    name = "encoder.layer.1.output.dense.weight"
    message = {
        "missing": "1 tensors of the model",
        "prefix": r"'module\.'",
        "nan": "NaN",
        "shape": "has the shape",
    }
    if kind == "missing":
        del tensors[name]
    elif kind == "prefix":
        tensors = {f"module.{k}": v for k, v in tensors.items()}
    elif kind == "nan":
        tensors[name][0, 0] = float("nan")
    else:
        tensors[name] = torch.zeros(3, 3)
    save_file(tensors, listed / "model.safetensors", metadata={"format": "pt"})
    real = BertModel.from_pretrained.__func__  # type: ignore[attr-defined]
    with pytest.raises(DramaError, match=f"(?s)^{listed}.*{message[kind]}"):
        load_encoder(listed)
    assert BertModel.from_pretrained.__func__ is real  # type: ignore[attr-defined]


def test_a_listed_module_of_its_own_is_never_imported(listed: Path, tmp_path: Path) -> None:
    (listed / "custom_st.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    modules = json.loads((listed / "modules.json").read_text())
    modules[0]["type"] = "custom_st.Transformer"
    (listed / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(DramaError, match=r"needs code of its own \(custom_st\.Transformer\)"):
        load_encoder(listed)
    assert not (tmp_path / "ran").exists()


def test_a_length_without_positions_is_cut_with_a_note(
    listed: Path, texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    edit(listed / "sentence_bert_config.json", max_seq_length=512)
    encoder = load_encoder(listed)
    assert np.isfinite(encoder.encode_documents([" ".join(texts * 3)])).all()
    said = " ".join(capsys.readouterr().err.split())
    assert "texts are cut to 64 tokens; it says 512" in said or encoder._model.max_seq_length <= 64  # type: ignore[union-attr]


def test_a_saved_retriever_knows_its_own_bytes(tiny_llm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(folder)
    Retriever.load(folder)
    file = folder / "model.safetensors"
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1  # the smallest change of a weight: still a number
    file.write_bytes(whole)
    for opened in (Retriever.load, load_encoder):
        with pytest.raises(DramaError, match=r"model\.safetensors: its bytes are not those that drama wrote"):
            opened(folder)
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(folder)
    (folder / "SHA256SUMS").unlink()
    edit(folder / "drama.json", dims=[64, 99])
    with pytest.raises(DramaError, match=r"drama\.json: dims: 99 is above the model's width 64"):
        load_encoder(folder)
    (folder / "drama.json").write_text("{")
    with pytest.raises(DramaError, match=r"drama\.json: not valid JSON"):
        load_encoder(folder)
