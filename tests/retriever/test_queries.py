"""Queries in numpy have the vectors that torch gives them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaModel, Qwen2Config, Qwen2Model

from drama.models.static import static_model
from drama.records import Document
from drama.retriever import Retriever, RetrieverSettings
from drama.retriever.lexical import LexicalBranch
from drama.retriever.lexical_settings import LexicalSettings
from drama.retriever.queries import QueryEncoder
from drama.search import Index, build_index, encode_for_index

QUERIES = ["how do wings lift a plane", "wing", "Bees, and honey? " * 30, "日本語の質問"]
SHAPE = {
    "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2,
}  # fmt: skip


def agrees(retriever: Retriever, folder: Path, max_length: int | None = None) -> None:
    retriever.save(folder)
    whole = Retriever.load(folder)
    if max_length is not None:
        whole.settings = whole.settings.model_copy(update={"max_length": max_length})
    light = QueryEncoder.open(folder, max_length)
    assert light is not None
    assert (light.dim, light.dims) == (whole.dim, whole.dims)
    for dim in whole.dims:
        np.testing.assert_allclose(
            light.encode_queries(QUERIES, dim), whole.encode_queries(QUERIES, dim), atol=2e-6
        )


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_decoders(kind: str, bidirectional: bool, tiny_llm: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tiny_llm)
    config, model = {"llama": (LlamaConfig, LlamaModel), "qwen2": (Qwen2Config, Qwen2Model)}[kind]
    made = model(config(vocab_size=len(tokenizer), **SHAPE, attention_bias=kind == "qwen2"))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    made.save_pretrained(tmp_path / "llm")
    tokenizer.save_pretrained(tmp_path / "llm")
    pooling = "mean" if bidirectional else "last"
    settings = RetrieverSettings(max_length=64, dims=(48, 16), bidirectional=bidirectional, pooling=pooling)
    agrees(Retriever.from_llm(tmp_path / "llm", settings), tmp_path / "model")


def test_an_encoder_with_a_lexical_branch(bert: Path, texts: list[str], tmp_path: Path) -> None:
    branch = LexicalSettings(dims=64, weight=0.4)
    settings = RetrieverSettings(query_prefix="query: ", max_length=64, lexical=branch)
    retriever = Retriever.from_llm(bert, settings)
    tokens = retriever.tokens(texts, "document")
    retriever.lexical = LexicalBranch.fit(retriever.tokenizer, tokens, "en", branch, 0)
    agrees(retriever, tmp_path / "model")
    agrees(retriever, tmp_path / "short", max_length=12)


def test_a_table_without_layers_and_a_head(tiny_llm: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    retriever = Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64))
    rows = retriever.backbone.config.vocab_size
    retriever.head = torch.nn.Linear(retriever.backbone.config.hidden_size, 24, bias=False)
    agrees(retriever, tmp_path / "head")
    retriever.head = None
    retriever.backbone = static_model(torch.randn(rows, 32), 64)
    agrees(retriever, tmp_path / "static")


def test_what_is_not_known_is_left_to_torch(tiny_llm: Path, tmp_path: Path) -> None:
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(tmp_path / "model")
    path = tmp_path / "model/config.json"
    config = json.loads(path.read_text())
    for change in ({"model_type": "gemma3_text"}, {"hidden_act": "relu"}, {"dtype": "bfloat16"}):
        path.write_text(json.dumps(config | change))
        assert QueryEncoder.open(tmp_path / "model") is None
    assert QueryEncoder.open(tiny_llm) is None  # no retriever's folder


def test_a_search_imports_no_torch(
    tiny_llm: Path, texts: list[str], tmp_path: Path, run_drama: Callable[..., Any]
) -> None:
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64)).save(tmp_path / "model")
    documents = [Document(f"d{i}", "", text) for i, text in enumerate(texts)]
    encode_for_index(tmp_path / "model", documents, tmp_path / "index")
    build_index(tmp_path / "index")
    code = f"""
import sys
from pathlib import Path
from drama.search import Index
found = Index.open(Path({str(tmp_path / "index")!r})).search({texts[3]!r}, 3)
assert not {{"torch", "transformers"}} & set(sys.modules), "torch"
print(*[f.hit.document_id for f in found])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    index = Index.open(tmp_path / "index")
    index.__dict__["encoder"] = Retriever.load(tmp_path / "model")
    assert done.stdout.split() == [f.hit.document_id for f in index.search(texts[3], 3)]
