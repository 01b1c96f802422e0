"""Torch-Pruning reaches the shape and drops what is idle; the table is stopped and continued."""

import copy
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from drama.errors import DramaError
from drama.prune.families import family_of
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.plan import LayerPlan, PruningPlan
from drama.prune.surgery.slice import slice_model
from drama_bench.prune import bench_prune, shape_of
from drama_bench.torch_pruned import torch_pruned

needs_peer = pytest.mark.skipif(
    find_spec("torch_pruning") is None, reason="torch-pruning is not installed; the extra dev has it"
)


@needs_peer
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("importance", ["magnitude", "taylor"])
def test_the_peer_reaches_the_shape_and_drops_idle_heads_and_neurons(importance, tied: bool) -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=48, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, head_dim=8, tie_word_embeddings=tied,
    )  # fmt: skip
    parent = LlamaForCausalLM(config).eval()
    idle_heads, idle_neurons = (1, 5), [3, 9, 30]  # one head of each kv group
    with torch.no_grad():
        for layer in parent.model.layers:
            for head in idle_heads:
                layer.self_attn.o_proj.weight[:, head * 8 : head * 8 + 8] = 0
                layer.self_attn.q_proj.weight[head * 8 : head * 8 + 8] = 0
            for linear in (layer.mlp.gate_proj, layer.mlp.up_proj):
                linear.weight[idle_neurons] = 0
            layer.mlp.down_proj.weight[:, idle_neurons] = 0
    tokens_BL = torch.randint(3, 97, (3, 9), generator=torch.Generator().manual_seed(1))
    target = Shape(layers=2, hidden=32, heads=4, kv_heads=2, intermediate=37)
    batches = [(tokens_BL, torch.ones_like(tokens_BL))]
    child = torch_pruned(copy.deepcopy(parent), target, importance, batches)
    assert parent_shape(child.config) == target
    # What it left is a plain slice of the parent: its channels, and all heads and neurons that work.
    table_VD = parent.model.embed_tokens.weight.T.tolist()
    hidden = [table_VD.index(column) for column in child.model.embed_tokens.weight.T.tolist()]
    neurons = [n for n in range(40) if n not in idle_neurons]
    layers = [LayerPlan(row, [0, 2, 3, 4], [0, 1], neurons) for row in range(2)]
    expected = slice_model(family_of(parent), PruningPlan(hidden, layers), target).state_dict()
    for name, tensor in child.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_shapes_of_smollm2_are_near_their_shares() -> None:
    config = LlamaConfig(
        vocab_size=97, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3,
    )  # fmt: skip
    for share in (0.5, 0.25):
        for method in ("uniform", "depth"):
            shape = shape_of(method, config, share)
            body = shape.layers * shape.hidden * (
                128 * shape.heads + 128 * shape.kv_heads + 3 * shape.intermediate + 2
            )  # fmt: skip
            assert abs(body / (30 * 576 * (128 * 12 + 3 * 1536 + 2)) - share) < 0.02, shape
            assert (shape.hidden == 576) == (method == "depth")


@pytest.fixture
def grouped_llm(tiny_llm: Path, tmp_path: Path) -> Path:
    """Three query heads a kv head; with two, Torch-Pruning does not come to an end."""
    folder = tmp_path / "grouped-llm"
    shutil.copytree(tiny_llm, folder)
    (folder / "model.safetensors").unlink()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=512, hidden_size=48, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, head_dim=8, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
        pad_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@needs_peer
def test_the_table_is_stopped_and_continued(
    grouped_llm: Path,
    texts: list[str],
    small_collection: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = tmp_path / "texts.jsonl"
    rows = [{"_id": str(i), "text": " ".join((texts[i:] + texts[:i]) * 2)} for i in range(8)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    methods = ["importance", "shearing", "torch-pruning"]

    def run(some: list[str], judged: list[str]) -> dict:
        path = bench_prune(
            tmp_path / "out", [str(source)], str(grouped_llm), some, 4096, judged, contrastive_steps=3
        )
        return json.loads(path.read_text(encoding="utf-8"))

    alone = run(methods[:1], [])["summary"]
    assert set(alone["ppl_50"]) == {"importance"}
    assert alone["ndcg_50"] == {}
    judged = [str(small_collection)]
    with monkeypatch.context() as patch:  # stopped between recovery and the contrastive training
        patch.setattr("drama_bench.prune_retrieval.train", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(methods[:1], judged)
    recovered = tmp_path / "out/prune-work/50-importance/model/model.safetensors"
    before = recovered.stat().st_mtime_ns
    again = run(methods[:1], judged)["summary"]
    assert recovered.stat().st_mtime_ns == before
    assert again["ppl_50"] == alone["ppl_50"]
    first = tmp_path / "out/prune/50-importance.json"
    stamp = first.stat().st_mtime_ns
    result = run(methods, judged)
    assert first.stat().st_mtime_ns == stamp
    for key in ("ppl_50", "ppl_25"):
        assert set(result["summary"][key]) == set(methods)
        assert all(1 < value < 1000 for value in result["summary"][key].values())
    for key in ("ndcg_50", "ndcg_25"):
        assert set(result["summary"][key]) == set(methods)
        assert all(0 < value <= 1 for value in result["summary"][key].values())
    assert "torch-pruning" in result["versions"]
    assert len(result["rounds"]) == 6
    for row in result["rounds"]:
        spent = row["tokens_spent"]
        assert 4096 - 512 < sum(spent.values()) <= 4096
        assert (spent["learning"] > 0) == (row["method"] == "shearing")
        folder = tmp_path / f"out/prune-work/{100 * row['share']:.0f}-{row['method']}/model"
        model = AutoModelForCausalLM.from_pretrained(folder)
        assert parent_shape(model.config)._asdict() == row["shape"]
        assert row["perplexity"] < row["perplexity_sliced"]
        assert row["ndcg"] == pytest.approx(row["ndcg_by_collection"]["small"])


def test_an_unknown_method_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DramaError, match="no method 'best'"):
        bench_prune(tmp_path, [], "x", ["best"], 4096)
