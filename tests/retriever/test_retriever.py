"""Contracts of the encoder: bidirectional, padding-blind, the same vectors in every library."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drama.errors import DramaError
from drama.retriever import Retriever, RetrieverSettings, load_encoder, truncate
from drama.retriever.backbone import last_token_reaches_first, load_backbone
from drama.retriever.head import new_head
from drama.retriever.model import length_batches


@pytest.fixture(scope="module")
def retriever(tiny_llm: Path) -> Retriever:
    return Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(16, 32), max_length=512))


def lengthened(texts: list[str]) -> list[str]:
    """From 3 tokens to about 500."""
    return ["a b c", *texts, " ".join(texts), " ".join(texts * 3), "日本語のテキスト ünï"]


@pytest.mark.parametrize("bidirectional", [True, False])
def test_last_token_reaches_first_only_when_bidirectional(tiny_llm: Path, bidirectional: bool) -> None:
    assert last_token_reaches_first(load_backbone(tiny_llm, bidirectional)) is bidirectional


def test_a_backbone_that_ignores_is_causal_is_refused(
    tiny_llm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drama.retriever.backbone.last_token_reaches_first", lambda model: False)
    with pytest.raises(DramaError, match="attention is causal though bidirectional was requested"):
        load_backbone(tiny_llm, bidirectional=True)


def test_tokens_are_bos_text_eos_and_eos_survives_the_cut(retriever: Retriever, texts: list[str]) -> None:
    whole, cut = retriever.tokens(texts[:1], "query")[0], retriever.tokens(texts[:1], "query", 8)[0]
    assert (whole[0], whole[-1]) == (1, 2)
    assert (len(cut), cut[0], cut[-1]) == (8, 1, 2)
    assert cut[:-1] == whole[:7]


def test_queries_carry_the_prefix(retriever: Retriever, texts: list[str]) -> None:
    queries = retriever.encode_queries(texts[:1])
    same = retriever.encode_documents(["Query: " + texts[0]])
    np.testing.assert_allclose(queries, same, atol=1e-6)


def test_a_text_alone_and_in_a_batch_give_the_same_vector(retriever: Retriever, texts: list[str]) -> None:
    texts = lengthened(texts)
    together = retriever.encode_documents(texts)
    alone = np.concatenate([retriever.encode_documents([t]) for t in texts])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


def test_mean_pooling_is_over_real_tokens_only(retriever: Retriever) -> None:
    ids = retriever.tokens(["one two three"], "document")[0]
    with torch.no_grad():
        states = retriever.backbone(input_ids=torch.tensor([ids])).last_hidden_state[0]
    expected = states.mean(dim=0)
    got = retriever.encode_documents(["one two three", "a much longer text " * 9])[0]
    np.testing.assert_allclose(got, (expected / expected.norm()).numpy(), atol=2e-6)


def test_truncated_vectors_are_renormalised_and_untrained_widths_refused(
    retriever: Retriever, texts: list[str]
) -> None:
    full = retriever.encode_documents(texts)
    np.testing.assert_allclose(retriever.encode_documents(texts, dim=16), truncate(full, 16), atol=1e-6)
    with pytest.raises(DramaError, match="not trained at 17 dimensions"):
        retriever.encode_documents(texts, dim=17)


def test_no_texts_give_no_vectors(retriever: Retriever) -> None:
    assert retriever.encode_documents([]).shape == (0, 64)


def test_the_folder_gives_the_same_vectors_here_and_in_sentence_transformers(
    retriever: Retriever, texts: list[str], tmp_path: Path
) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    texts = lengthened(texts)
    folder = tmp_path / "model"
    retriever.save(folder)
    again = Retriever.load(folder)
    assert again.settings.query_prefix == "Query: "
    assert again.dims == (64, 32, 16)
    assert again.fingerprint == Retriever.load(folder).fingerprint
    np.testing.assert_allclose(again.encode_documents(texts), retriever.encode_documents(texts), atol=1e-6)
    other = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    for ours, theirs in (
        (retriever.encode_documents(texts), other.encode_document(texts)),
        (retriever.encode_queries(texts), other.encode_query(texts)),
    ):
        assert ((ours * theirs).sum(axis=1) >= 0.9999).all()
    assert other.tokenizer.chat_template is None


def test_a_head_lives_in_the_folder_and_sentence_transformers_applies_it(
    tiny_llm: Path, texts: list[str], tmp_path: Path
) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    retriever = Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(8,), max_length=512))
    without = retriever.fingerprint
    retriever = Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(8,), max_length=512))
    retriever.head = new_head(torch.randn(24, 64, generator=torch.Generator().manual_seed(0)))
    assert (retriever.dim, retriever.dims) == (24, (24, 8))
    assert retriever.fingerprint != without
    folder = tmp_path / "model"
    retriever.save(folder)
    again = Retriever.load(folder).encode_documents(lengthened(texts))
    np.testing.assert_allclose(again, retriever.encode_documents(lengthened(texts)), atol=1e-6)
    other = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    theirs = other.encode_document(lengthened(texts))
    assert theirs.shape == again.shape
    assert ((again * theirs).sum(axis=1) >= 0.9999).all()


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_padding_free_and_padded_agree_in_vectors_and_gradients(
    tiny_llm: Path, texts: list[str], bidirectional: bool, pooling: Literal["mean", "last"]
) -> None:
    settings = RetrieverSettings(bidirectional=bidirectional, pooling=pooling)
    found = []
    for padded in (True, False):
        retriever = Retriever.from_llm(tiny_llm, settings)
        vectors_BD = retriever.forward(retriever.tokens(lengthened(texts), "document"), padded=padded)
        (vectors_BD / vectors_BD.norm(dim=1, keepdim=True)).pow(3).sum().backward()
        gradients = {n: p.grad for n, p in retriever.backbone.named_parameters()}
        found.append((vectors_BD.detach(), gradients))
    (padded_BD, padded_gradients), (packed_BD, packed_gradients) = found
    torch.testing.assert_close(packed_BD, padded_BD, atol=1e-5, rtol=1e-5)
    for name, gradient in packed_gradients.items():
        torch.testing.assert_close(gradient, padded_gradients[name], atol=1e-5, rtol=1e-4, msg=name)


def test_texts_beyond_a_sliding_window_are_not_packed(
    tiny_llm: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = Retriever.from_llm(tiny_llm)
    short, long = retriever.tokens(["one two"], "document"), retriever.tokens(texts, "document")
    monkeypatch.setattr(retriever.backbone.config, "sliding_window", 8, raising=False)
    monkeypatch.setattr("drama.retriever.forward.choose.packed_states", None)
    monkeypatch.setattr("drama.retriever.forward.choose.fused_states", None)
    assert retriever.forward(long).shape == (len(texts), 64)
    with pytest.raises(TypeError):
        retriever.forward(short)


def test_bf16_is_near_fp32_and_never_taken_for_it(tiny_llm: Path, texts: list[str]) -> None:
    exact, fast = load_encoder(tiny_llm), load_encoder(tiny_llm, precision="bf16")
    assert exact.fingerprint != fast.fingerprint
    assert ((exact.encode_documents(texts) * fast.encode_documents(texts)).sum(axis=1) > 0.999).all()


def test_a_sentence_transformers_folder_of_others_is_an_encoder_too(
    retriever: Retriever, texts: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("sentence_transformers")
    folder = tmp_path / "foreign"
    retriever.save(folder)
    (folder / "drama.json").unlink()
    (folder / "SHA256SUMS").unlink()
    encoder = load_encoder(folder)
    np.testing.assert_allclose(encoder.encode_documents(texts), retriever.encode_documents(texts), atol=1e-5)


def test_a_sentence_transformers_model_lies_where_models_compute_and_says_its_own_precision(
    retriever: Retriever, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = pytest.importorskip("sentence_transformers")
    retriever.save(tmp_path / "foreign")
    (tmp_path / "foreign/drama.json").unlink()
    (tmp_path / "foreign/SHA256SUMS").unlink()
    exact = load_encoder(tmp_path / "foreign")
    asked: list[str] = []

    class OnTheCPU(package.SentenceTransformer):  # type: ignore[misc, name-defined]
        def __init__(self, folder: str, device: str) -> None:
            asked.append(device)
            super().__init__(folder, device="cpu")

    monkeypatch.setattr("sentence_transformers.SentenceTransformer", OnTheCPU)
    monkeypatch.setattr(
        "drama.retriever.sentence_transformer.default_device", lambda: torch.device("cuda", 1)
    )
    monkeypatch.setattr("drama.compute.device.native_bf16", lambda device: device.type == "cuda")
    encoder = load_encoder(tmp_path / "foreign", precision="auto")
    assert asked == ["cuda:1"]
    assert (encoder.precision, encoder.fingerprint) == ("fp32", exact.fingerprint)
    monkeypatch.setattr("drama.compute.device.native_bf16", lambda device: device.type == "cpu")
    fast = load_encoder(tmp_path / "foreign", precision="auto")
    assert fast.precision == "bf16"
    assert fast.fingerprint != exact.fingerprint


def test_a_plain_llm_is_an_encoder_causal_and_without_prefix(tiny_llm: Path) -> None:
    encoder = load_encoder(tiny_llm)
    assert isinstance(encoder, Retriever)
    assert (encoder.settings.bidirectional, encoder.settings.query_prefix) == (False, "")


def test_an_llm_folder_is_no_retriever(tiny_llm: Path) -> None:
    with pytest.raises(DramaError, match="not a retriever folder"):
        Retriever.load(tiny_llm)


@given(st.lists(st.integers(1, 600), max_size=60), st.integers(1, 4096))
def test_length_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(length_batches(lengths, budget))
    assert sorted(r for rows in batches for r in rows) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * max(lengths[r] for r in rows) <= budget
