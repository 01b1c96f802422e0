"""Every family × method × GQA mode: masked == sliced, the exact shape, plain transformers loads it."""

import copy
import shutil
import tempfile
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from drama.compute import World
from drama.errors import DramaError
from drama.models.architectures import ARCHITECTURES
from drama.prune import PruneSettings, prune
from drama.prune.families import FAMILIES, check_family, family_of
from drama.prune.learn.domains import Domain, Mixture
from drama.prune.learn.losses import losses
from drama.prune.learn.settings import DomainSettings
from drama.prune.learn.updates import Log
from drama.prune.methods import METHODS
from drama.prune.methods.task import Task
from drama.prune.planning import shapes_of_rounds
from drama.prune.shape.shape import parameters, parent_shape
from drama.prune.surgery.expand import expanded
from drama.prune.surgery.masked_forward import masked
from drama.prune.surgery.masks import Masks, fold, masks_of
from drama.prune.surgery.plan import make_plan
from drama.prune.surgery.slice import slice_model
from drama.records import Document, write_passages
from drama.retriever import Retriever, RetrieverSettings

SIZES = {
    "vocab_size": 512, "hidden_size": 48, "intermediate_size": 40, "num_hidden_layers": 4,
    "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 512,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
}  # fmt: skip
# Seven tokens are seen, so that a window of four is felt.
WINDOWS = {
    "sliding_window": 4,
    "layer_types": ["full_attention", "sliding_attention", "sliding_attention", "full_attention"],
}

PARENTS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, head_dim=8, tie_word_embeddings=True)),
    "llama-biases": lambda: LlamaForCausalLM(
        LlamaConfig(**SIZES, head_dim=8, attention_bias=True, mlp_bias=True)
    ),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**SIZES, head_dim=8, sliding_window=4)),
    "qwen2": lambda: Qwen2ForCausalLM(
        Qwen2Config(**SIZES, **WINDOWS, use_sliding_window=True, tie_word_embeddings=True)
    ),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SIZES, head_dim=12, tie_word_embeddings=True)),
    "gemma3": lambda: Gemma3ForCausalLM(
        Gemma3TextConfig(**SIZES, **WINDOWS, head_dim=12, query_pre_attn_scalar=10, tie_word_embeddings=True)
    ),
    "gemma3-untied": lambda: Gemma3ForCausalLM(
        Gemma3TextConfig(**SIZES, **WINDOWS, head_dim=12, query_pre_attn_scalar=10, tie_word_embeddings=False)
    ),
}
SMALLER = {
    "shearing": {"layers": 3, "hidden": 36, "intermediate": 25},
    "importance": {"layers": 3, "hidden": 36, "intermediate": 25},
    "first": {"layers": 3, "hidden": 36, "intermediate": 25},
    "depth": {"layers": 2},
    "uniform": {"layers": 2, "hidden": 40, "intermediate": 17},
}
HEADS = {"kept": {"heads": 2, "kv_heads": 1}, "expanded": {"heads": 4}}


@pytest.fixture(scope="module", params=list(PARENTS))
def parent(request: pytest.FixtureRequest):
    torch.manual_seed(0)
    model = PARENTS[request.param]().eval()
    with torch.no_grad():  # biases and norms too: as they come they are zeros and ones
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                weight.normal_(std=0.2)
            elif "norm" in name:
                weight.add_(torch.empty_like(weight).uniform_(-0.5, 0.5))
            else:
                weight.normal_(std=0.1)
    return model


def tokens() -> torch.Tensor:
    return torch.randint(3, 512, (3, 7), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def pruned(parent, method: str, gqa: str):
    """(child, logits under the mask, target)."""
    heads = HEADS[gqa] if method != "depth" else {}
    values = {"method": method, "gqa": gqa, "shape": {**SMALLER[method], **heads}}
    if method == "shearing":
        values["shearing"] = {"steps": 6, "batch_size": 2, "learning_rate": 1e-3}
    settings = PruneSettings.parse(values, "prune")
    (target,) = shapes_of_rounds(settings, parent.config)
    family = family_of(copy.deepcopy(parent))
    if gqa == "expanded":
        family = expanded(family)
    plan = planned(family, settings, target)
    with masked(family, masks_of(plan, parent_shape(family.config))) as model:
        logits_BLV = model(input_ids=tokens()).logits
    return slice_model(family, plan, target), logits_BLV, target


def one_language(rows_RL: torch.Tensor) -> Mixture:
    return Mixture([Domain("en", rows_RL, rows_RL)], DomainSettings(), {})


def planned(family, settings: PruneSettings, target):
    """The plan of a method that sees `tokens()` only."""
    with tempfile.TemporaryDirectory() as folder, torch.enable_grad():
        log = Log(Path(folder) / "events.jsonl", Path(folder) / "checkpoints", 0)
        batches = iter([(tokens(), torch.ones_like(tokens()))])
        task = Task(target, batches, one_language(tokens()), settings.shearing, log, 0, World())
        scores = METHODS[settings.method].score(family, task)
    return make_plan(scores, parent_shape(family.config), target)


@pytest.mark.parametrize("gqa", ["kept", "expanded"])
@pytest.mark.parametrize("method", list(SMALLER))
def test_masked_equals_sliced_and_plain_transformers_loads_it(parent, method, gqa, tmp_path: Path) -> None:
    child, masked_BLV, target = pruned(parent, method, gqa)
    with torch.no_grad():
        sliced_BLV = child(input_ids=tokens()).logits
        torch.testing.assert_close(sliced_BLV, masked_BLV, atol=1e-4, rtol=0)
        assert (sliced_BLV - parent(input_ids=tokens()).logits).abs().max() > 0.1
        child.save_pretrained(tmp_path / "model")
        again = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32).eval()
        assert type(again) is type(parent)
        assert parent_shape(again.config) == target
        torch.testing.assert_close(again(input_ids=tokens()).logits, sliced_BLV, atol=1e-6, rtol=0)
    assert sum(p.numel() for p in again.parameters()) == parameters(again.config)[1]
    query = again.model.layers[0].self_attn.q_proj
    assert query.weight.shape == (target.heads * family_of(parent).head_dim, target.hidden)


@pytest.mark.parametrize("gqa", ["kept", "expanded"])
@torch.no_grad()
def test_soft_masks_fold_into_the_sliced_weights(parent, gqa) -> None:
    values = {"gqa": gqa, "method": "uniform", "shape": {**SMALLER["uniform"], **HEADS[gqa]}}
    settings = PruneSettings.parse(values, "prune")
    (target,) = shapes_of_rounds(settings, parent.config)
    family = family_of(copy.deepcopy(parent))
    if gqa == "expanded":
        family = expanded(family)
    plan = planned(family, settings, target)
    generator = torch.Generator().manual_seed(2)
    hard = masks_of(plan, parent_shape(family.config))
    soft = Masks(*(mask * (0.2 + 0.8 * torch.rand(mask.shape, generator=generator)) for mask in hard))
    with masked(family, soft) as model:
        soft_BLV = model(input_ids=tokens()).logits
    with masked(family, hard) as model:
        assert (model(input_ids=tokens()).logits - soft_BLV).abs().max() > 0.05
    fold(family, soft)
    child = slice_model(family, plan, target)
    torch.testing.assert_close(child(input_ids=tokens()).logits, soft_BLV, atol=1e-4, rtol=0)


def test_expanded_gives_the_same_logits(parent) -> None:
    wide = expanded(family_of(parent)).model
    assert wide.config.num_key_value_heads == 6
    with torch.no_grad():
        torch.testing.assert_close(
            wide(input_ids=tokens()).logits, parent(input_ids=tokens()).logits, atol=1e-5, rtol=0
        )


def test_nothing_pruned_is_the_parent(parent) -> None:
    family, same = family_of(parent), parent_shape(parent.config)
    plan = planned(family, PruneSettings(method="uniform"), same)
    assert torch.equal(
        slice_model(family, plan, same)(input_ids=tokens()).logits, parent(input_ids=tokens()).logits
    )


def test_the_stage_recovers_it_and_it_retrieves_both_ways(
    parent, tiny_llm: Path, texts: list[str], tmp_path: Path
) -> None:
    parent.save_pretrained(tmp_path / "parent")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_llm / name, tmp_path / "parent" / name)
    passages = [Document(f"d{i}", "", " ".join(texts[i:] + texts[:i])) for i in range(4)]
    write_passages(tmp_path / "passages.parquet", passages)
    values = {
        "parent": str(tmp_path / "parent"), "shape": {"layers": 2, "hidden": 36, "heads": 4},
        "gqa": "expanded",
        "recovery": {"steps": 4, "batch_size": 2, "max_length": 24, "learning_rate": 3e-3},
    }  # fmt: skip
    figures = prune(
        PruneSettings.parse(values, "prune"), tmp_path / "passages.parquet", tmp_path / "out", seed=1
    ).figures
    assert figures["held_out_loss_recovered"] < figures["held_out_loss_sliced"]
    assert figures["parameters_parent"] == sum(p.numel() for p in parent.parameters())
    retriever = Retriever.from_llm(tmp_path / "out/model", RetrieverSettings())  # raises if it is causal
    assert retriever.encode_documents([texts[0], "The wing"]).shape == (2, 36)


def test_layer_types_follow_the_layers_that_stay() -> None:
    torch.manual_seed(0)
    parent = PARENTS["gemma3"]().eval()
    child, _, _ = pruned(parent, "uniform", "kept")
    assert child.config.layer_types == ["full_attention", "full_attention"]
    settings = PruneSettings.parse({"shape": {"layers": 2}, "method": "first"}, "prune")
    (target,) = shapes_of_rounds(settings, parent.config)
    plan = planned(family_of(parent), settings, target)
    assert slice_model(family_of(parent), plan, target).config.layer_types == WINDOWS["layer_types"][:2]


def test_soft_capped_logits_are_recovered_as_such() -> None:
    torch.manual_seed(0)
    model = PARENTS["gemma3"]().eval()
    model.config.final_logit_softcapping = 0.01
    rows_BL = tokens()
    logits_BLV = model(input_ids=rows_BL).logits[:, :-1]
    expected = torch.nn.functional.cross_entropy(logits_BLV.flatten(0, 1), rows_BL[:, 1:].flatten())
    torch.testing.assert_close(losses(model, model, rows_BL, kl_weight=0.0)[0], expected, atol=1e-6, rtol=0)
    assert logits_BLV.abs().max() <= 0.01


def test_every_architecture_that_can_be_pruned_is_tested_here() -> None:
    prunable = {name: each.pruned_as for name, each in ARCHITECTURES.items() if each.pruned_as}
    assert set(prunable.values()) == set(FAMILIES)
    assert set(prunable) == {make().config.model_type for make in PARENTS.values()}


def test_gemma_with_images_is_refused_by_name() -> None:
    from transformers import Gemma3Config

    with pytest.raises(DramaError, match="'gemma3' can't be pruned yet") as refusal:
        check_family(Gemma3Config())
    assert "gemma3_text" in refusal.value.hint
