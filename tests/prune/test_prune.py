"""Masked == sliced, exact shapes, recovery that recovers and resumes, plain transformers loads it."""

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from drama.errors import DramaError
from drama.prune import PruneSettings, prune
from drama.prune.families import family_of
from drama.prune.learn.losses import Match, _chunk_losses, losses
from drama.prune.methods.importance import lowest_first
from drama.prune.planning import shapes_of_rounds
from drama.prune.scores import Scores, measure
from drama.prune.shape.shape import Shape, parameters, parent_shape
from drama.prune.surgery.masked_forward import masked
from drama.prune.surgery.masks import masks_of
from drama.prune.surgery.plan import make_plan
from drama.prune.surgery.slice import slice_model
from drama.records import Document, write_passages
from drama.retriever import Retriever
from drama.workspace import read_events


@pytest.fixture(scope="module", params=["tied", "untied"])
def parent(request: pytest.FixtureRequest):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=48, intermediate_size=40, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, head_dim=8, tie_word_embeddings=request.param == "tied",
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
    return model


def tokens(rows: int = 3, length: int = 9) -> torch.Tensor:
    return torch.randint(3, 97, (rows, length), generator=torch.Generator().manual_seed(1))


def scores_of(model) -> Scores:
    return measure(family_of(model), [(tokens(), torch.ones(3, 9, dtype=torch.long))])


@given(
    st.integers(1, 3), st.integers(1, 48), st.sampled_from([(6, 2), (4, 2), (2, 2), (3, 1), (1, 1)]),
    st.integers(1, 40), st.sampled_from(["importance", "first"]),
)  # fmt: skip
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_masked_equals_sliced(parent, layers, hidden, heads, intermediate, keep) -> None:
    target = Shape(layers, hidden, *heads, intermediate)
    family = family_of(parent)
    scores = scores_of(parent)
    scores = lowest_first(scores) if keep == "first" else scores
    plan = make_plan(scores, parent_shape(family.config), target)
    child = slice_model(family, plan, target)
    assert parent_shape(child.config) == target
    query, key = 8 * target.heads, 8 * target.kv_heads
    layer = hidden * (2 * query + 2 * key + 3 * intermediate + 2)
    body = layers * layer + hidden
    tables = 1 if parent.config.tie_word_embeddings else 2
    assert parameters(child.config) == (body, body + tables * 97 * hidden)
    assert sum(p.numel() for p in child.parameters()) == parameters(child.config)[1]
    with torch.no_grad():
        untouched = parent(input_ids=tokens()).logits
        with masked(family, masks_of(plan, parent_shape(family.config))) as model:
            under_mask = model(input_ids=tokens()).logits
        assert torch.equal(parent(input_ids=tokens()).logits, untouched)
        torch.testing.assert_close(child(input_ids=tokens()).logits, under_mask, atol=1e-4, rtol=1e-4)


def test_nothing_pruned_is_the_parent(parent) -> None:
    family = family_of(parent)
    same = parent_shape(family.config)
    child = slice_model(family, make_plan(scores_of(parent), same, same), same)
    assert torch.equal(child(input_ids=tokens()).logits, parent(input_ids=tokens()).logits)


def test_padding_does_not_change_the_scores(parent) -> None:
    family = family_of(parent)
    plain = measure(family, [(tokens(2, 6), torch.ones(2, 6, dtype=torch.long))])
    padded = torch.cat([tokens(2, 6), torch.full((2, 3), 5)], dim=1)
    mask = torch.tensor([[1] * 6 + [0] * 3] * 2)
    for a, b in zip(plain, measure(family, [(padded, mask)]), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_important_parts_stay() -> None:
    scores = Scores(
        torch.tensor([1.0, 9.0, 5.0]),
        torch.tensor([[1.0, 11.0]]),
        torch.tensor([[0.0, 1.0, 5.0, 6.0]]),
        torch.tensor([[3.0, 1.0, 2.0]]),
        torch.tensor([1.0]),
    )
    plan = make_plan(scores, Shape(1, 3, 4, 2, 3), Shape(1, 2, 1, 1, 2))
    assert plan.hidden == [1, 2]
    assert (plan.layers[0].kv_heads, plan.layers[0].heads) == ([1], [3])
    assert plan.layers[0].intermediate == [0, 2]


@pytest.mark.parametrize(
    ("shape", "values", "message"),
    [
        ({"hidden": 4096}, {}, r"prune\.shape\.hidden: 4096 is above the parent's 48"),
        ({"heads": 5}, {}, "5 query heads don't divide into 2 kv heads"),
        ({"heads": 4, "kv_heads": 1}, {}, "4 query heads a kv head requested, the parent has 3"),
        ({"hidden": 44}, {}, "does not load a llama model of this shape .*44.* is not a multiple"),
        ({"hidden": 24}, {"method": "depth"}, r"prune\.shape\.hidden: 24 is below the parent's 48"),
        ({"heads": 2, "kv_heads": 2}, {"method": "depth"}, r"shape\.heads: 2 is below the parent's 6"),
        ({"kv_heads": 1, "heads": 3}, {"method": "depth"}, "drops layers only"),
        ({"intermediate": 39}, {"method": "depth"}, r"leave prune\.shape\.intermediate out"),
        ({}, {"keep_layers": "first"}, r"keep_layers: this key has moved\n.*write prune\.method: first"),
        ({}, {"layers": 2}, r"prune\.layers: this key has moved\n.*write prune\.shape\.layers"),
        ({}, {"method": "uniform", "calibration": {"documents": 9}}, "calibration does not apply"),
        ({"kv_heads": 2}, {"gqa": "expanded"}, r"shape\.kv_heads: 2, but .* each of the 6 heads its own"),
        ({"heads": 4}, {"gqa": "expanded", "method": "depth"}, r"shape\.heads: 4 is below the parent's 6"),
        ({}, {"method": "shearing", "calibration": {"documents": 9}}, "calibration does not apply"),
        ({}, {"shearing": {"steps": 9}}, "shearing does not apply to the method 'importance'"),
        ({}, {"method": "shearing"}, "'shearing' has nothing to learn"),
        (
            {},
            {"method": "best"},
            r"prune\.method: must be 'shearing', 'importance', 'first', 'depth' or 'uniform'",
        ),
    ],
)
def test_a_wrong_shape_is_refused(parent, shape, values, message) -> None:
    with pytest.raises(DramaError, match=message):
        shapes_of_rounds(PruneSettings.parse({"shape": shape, **values}, "prune"), parent.config)


def test_expanded_heads_need_no_groups(parent) -> None:
    chosen = PruneSettings.parse({"gqa": "expanded", "shape": {"heads": 4}}, "prune")
    assert shapes_of_rounds(chosen, parent.config) == [Shape(3, 48, 4, 4, 40)]


def test_an_unknown_family_is_refused() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    with pytest.raises(DramaError, match="'gpt2' can't be pruned yet"):
        family_of(GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=9)))


def test_chunked_losses_equal_the_plain_ones(parent) -> None:
    import torch.nn.functional as F

    torch.manual_seed(1)
    child = LlamaForCausalLM(parent.config).eval()
    rows = tokens(5, 64)
    got, parts = losses(child, parent, rows, kl_weight=0.3)
    logits, teacher = child(input_ids=rows).logits[:, :-1], parent(input_ids=rows).logits[:, :-1]
    lm = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
    kl = F.kl_div(
        logits.log_softmax(-1).flatten(0, 1), teacher.log_softmax(-1).flatten(0, 1),
        reduction="batchmean", log_target=True,
    )  # fmt: skip
    torch.testing.assert_close(got, 0.7 * lm + 0.3 * kl, atol=1e-5, rtol=1e-5)
    assert parts["kl"] > 0
    assert _chunk_losses(child, child, torch.zeros(2, 48), rows[0, :2], torch.zeros(2, 48))[1] < 1e-6


def test_hidden_states_are_those_of_the_same_layers_and_channels(parent) -> None:
    family = family_of(parent)
    target = Shape(2, 48, 6, 2, 40)
    plan = make_plan(lowest_first(scores_of(parent)), parent_shape(family.config), target)
    child = slice_model(family, plan, target)
    match = Match(plan.hidden, [layer.layer for layer in plan.layers], 2.0)
    states = parent.model(input_ids=tokens(), output_hidden_states=True).hidden_states
    # The layers read what the parent's do; only the head reads the last layer's input, after the norm.
    head = torch.cosine_similarity(parent.model.norm(states[2]), states[3], dim=-1).mean().detach()
    total, parts = losses(child, parent, tokens(), 0.0, match)
    assert parts["hidden"] == pytest.approx(float(1 - head) / 3, abs=1e-5)
    assert plan.layers_kept == [0, 1]
    assert parts["hidden"] > 1e-3
    assert total.item() == pytest.approx(parts["lm_loss"] + 2 * parts["hidden"], abs=1e-5)
    narrow = Shape(2, 24, 6, 2, 40)
    plan = make_plan(lowest_first(scores_of(parent)), parent_shape(family.config), narrow)
    child = slice_model(family, plan, narrow)
    match = Match(plan.hidden, [0, 1], 1.0)
    own = child.model(input_ids=tokens(), output_hidden_states=True).hidden_states
    torch.testing.assert_close(own[0], states[0][..., plan.hidden])
    assert losses(child, parent, tokens(), 0.0, match)[1]["hidden"] > 1e-3


@pytest.fixture
def passages(tmp_path: Path, texts: list[str]) -> Path:
    path = tmp_path / "passages.parquet"
    write_passages(path, [Document(f"d{i}", "", " ".join(texts[i:] + texts[:i])) for i in range(8)])
    return path


SMALL = {
    "shape": {"layers": 2, "hidden": 48, "heads": 2, "kv_heads": 1, "intermediate": 64},
    "recovery": {
        "steps": 8, "batch_size": 4, "max_length": 32, "checkpoint_every": 3, "learning_rate": 3e-3,
    },
}  # fmt: skip


def test_the_stage_recovers_and_plain_transformers_loads_it(
    passages: Path, tiny_llm: Path, tmp_path: Path
) -> None:
    values = {"parent": str(tiny_llm), **SMALL, "recovery": {**SMALL["recovery"], "steps": 25}}
    manifest = prune(PruneSettings.parse(values, "prune"), passages, tmp_path / "out", seed=1)
    figures = manifest.figures
    assert figures["held_out_loss_recovered"] < figures["held_out_loss_sliced"] - 0.5
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out/model")
    assert parent_shape(model.config) == Shape(2, 48, 2, 1, 64)
    assert sum(p.numel() for p in model.parameters()) == figures["parameters_pruned"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out/model")
    ids = tokenizer("The wing", return_tensors="pt")
    assert model.generate(**ids, max_new_tokens=3, do_sample=False).shape[1] > ids["input_ids"].shape[1]
    retriever = Retriever.from_llm(tmp_path / "out/model")
    assert retriever.encode_documents(["The wing"]).shape == (1, 48)


def test_resume_equals_an_uninterrupted_run(
    passages: Path, tiny_llm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = PruneSettings.parse({"parent": str(tiny_llm), **SMALL}, "prune")
    prune(chosen, passages, tmp_path / "whole", seed=1)
    import drama.prune.learn.recover as module

    calls = iter(range(99))

    def stops(*args):
        if next(calls) == 7:
            raise KeyboardInterrupt
        return losses(*args)

    with monkeypatch.context() as patch:
        patch.setattr(module, "losses", stops)
        patch.setattr("drama.prune.learn.domains.held_out_loss", lambda *_: 0.0)
        with pytest.raises(KeyboardInterrupt):
            prune(chosen, passages, tmp_path / "cut", seed=1)
    prune(chosen, passages, tmp_path / "cut", seed=1)
    whole = load_file(tmp_path / "whole/model/model.safetensors")
    cut = load_file(tmp_path / "cut/model/model.safetensors")
    for name, tensor in whole.items():
        assert torch.equal(tensor, cut[name]), name
    curves = [[e["loss"] for e in read_events(tmp_path / d / "events.jsonl")] for d in ("whole", "cut")]
    assert curves[0] == curves[1]
