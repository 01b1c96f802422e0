"""A fingerprint changes with whatever changes the vectors, so that no store gives old ones."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drama.records import Document
from drama.retriever import EmbeddingStore, Retriever, RetrieverSettings, load_encoder
from drama.retriever.head import new_head
from drama.search import LSA


def with_settings(**changes: Any) -> Callable[[Retriever], None]:
    def change(retriever: Retriever) -> None:
        retriever.settings = retriever.settings.model_copy(update=changes)

    return change


def step(retriever: Retriever) -> None:
    """One update of an optimiser, in place."""
    optimiser = torch.optim.AdamW(retriever.parameters(), lr=0.1)
    retriever.forward(retriever.tokens(["a wing"], "document")).sum().backward()
    optimiser.step()


def load_state(retriever: Retriever) -> None:
    state = retriever.backbone.state_dict()
    state["norm.weight"] = state["norm.weight"] + 1
    retriever.backbone.load_state_dict(state)


def through_data(retriever: Retriever) -> None:
    retriever.backbone.norm.weight.data[0] += 1e-3


def other_rows(retriever: Retriever) -> None:
    """The same numbers in another order."""
    with torch.no_grad():
        table = retriever.backbone.embed_tokens.weight
        table.copy_(table.flip(0))


def new_tensor(retriever: Retriever) -> None:
    retriever.backbone.norm.weight = torch.nn.Parameter(retriever.backbone.norm.weight.detach() * 2)


def head(retriever: Retriever) -> None:
    retriever.head = new_head(torch.eye(64)[:32])


def bf16(retriever: Retriever) -> None:
    retriever.precision = "bf16"


def causal(retriever: Retriever) -> None:
    retriever.backbone.config.is_causal = True


def lower_case(retriever: Retriever) -> None:
    from tokenizers import normalizers

    tokenizer = type(retriever.tokenizer)(tokenizer_object=retriever.tokenizer.backend_tokenizer)
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    retriever.tokenizer = tokenizer


CHANGES: dict[str, Callable[[Retriever], None]] = {
    "query prefix": with_settings(query_prefix="query: "),
    "document prefix": with_settings(document_prefix="passage: "),
    "pooling": with_settings(pooling="last"),
    "length": with_settings(max_length=7),
    "dims": with_settings(dims=(8,)),
    **{f.__name__: f for f in (step, load_state, through_data, other_rows, new_tensor)},
    **{f.__name__: f for f in (head, bf16, causal, lower_case)},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_retrievers_fingerprint_changes(kind: str, tiny_llm: Path) -> None:
    retriever = Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64))
    before = retriever.fingerprint
    retriever.encode_documents(["a wing", "of an aircraft"])
    assert retriever.fingerprint == before
    CHANGES[kind](retriever)
    assert retriever.fingerprint != before


def test_the_same_folder_elsewhere_has_the_same_fingerprint(tiny_llm: Path, tmp_path: Path) -> None:
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    one, two = load_encoder(tmp_path / "one"), load_encoder(tmp_path / "two")
    assert one.fingerprint == two.fingerprint


def test_a_store_encodes_anew_after_a_training_step(tiny_llm: Path, tmp_path: Path, texts: list[str]) -> None:
    retriever, store = Retriever.from_llm(tiny_llm), EmbeddingStore(tmp_path)
    store.documents(retriever, texts)
    step(retriever)
    np.testing.assert_array_equal(
        store.documents(retriever, texts).vectors_ND, retriever.encode_documents(texts)
    )
    assert store.encoded == 2 * len(texts)


def test_a_sentence_transformers_fingerprint_changes(tiny_llm: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(tmp_path / "model")
    for name in ("drama.json", "SHA256SUMS"):
        (tmp_path / "model" / name).unlink()
    shutil.copytree(tmp_path / "model", tmp_path / "copied")
    encoder = load_encoder(tmp_path / "model")
    model: Any = encoder._model  # type: ignore[union-attr]
    seen = [encoder.fingerprint]
    encoder.encode_documents(["a wing", "of an aircraft"])
    assert encoder.fingerprint == load_encoder(tmp_path / "copied").fingerprint == seen[0]

    def weights() -> None:
        model[0].auto_model.norm.weight.data[0] += 1e-3

    def length() -> None:
        model.max_seq_length = 9

    def prompt() -> None:
        model.prompts["query"] = "query: "

    def width() -> None:
        model.truncate_dim = 16

    def pooling() -> None:
        model[1].pooling_mode = "cls"

    def precision() -> None:
        encoder.precision = "bf16"

    for change in (weights, length, prompt, width, pooling, precision):
        change()
        seen.append(encoder.fingerprint)
    assert len(set(seen)) == len(seen), [seen.index(mark) for mark in seen]


def test_lsas_fingerprint_changes_with_all_it_computes_with(texts: list[str]) -> None:
    documents = [Document(f"d{i}", "", text) for i, text in enumerate(texts)]
    lsa = LSA.build(documents, dim=4)
    seen = {lsa.fingerprint}
    for name, value in {"_length": lsa._length * 2, "_idf_V": lsa._idf_V * 2, "_lang": "de"}.items():
        other = LSA.build(documents, dim=4)
        setattr(other, name, value)
        seen.add(other.fingerprint)
    seen.add(LSA.build(documents, dim=3).fingerprint)
    assert len(seen) == 5
