"""The stage: parent + passages → `out/model`, a smaller causal LM that plain transformers loads."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from drama.console import note
from drama.errors import DramaError
from drama.models import resolve
from drama.prune.expand import expanded
from drama.prune.families import Family, family_of
from drama.prune.methods import METHODS
from drama.prune.plan import make_plan
from drama.prune.recover import held_out_loss, recover
from drama.prune.scores import Scores
from drama.prune.settings import PruneSettings
from drama.prune.shape import Shape, child_config, parameters, parent_shape
from drama.prune.slice import slice_model
from drama.prune.target import target_shape
from drama.prune.texts import calibration_batches, packed_rows
from drama.prune.vocabulary import cut_vocabulary
from drama.records import read_passages
from drama.workspace import Manifest, atomic_folder, open_stage


def prune(settings: PruneSettings, passages: Path, out: Path, seed: int = 0) -> Manifest:
    """Score, plan, slice and recover.

    Args:
        settings: the recipe's `prune` section.
        passages: texts for calibration and recovery, Parquet.
        out: `model/`, `scores.safetensors`, `events.jsonl` and the manifest go here.
        seed: of the choice and order of texts.

    Raises:
        DramaError: a shape that can't be cut out of the parent, an unknown family, too little text.
    """
    folder = resolve(settings.parent)
    with open_stage(out, "prune", settings, {"parent": folder, "passages": passages}, seed) as run:
        if run.done:
            return run.manifest
        parent, tokenizer = _load(folder)
        target = target_shape(settings, family_of(parent).config)
        texts = [d.full_text for d in read_passages(passages)]
        _describe("parent", parent.config, parent_shape(parent.config), run.figures)
        if settings.vocabulary is not None:
            note("prune: cutting the vocabulary")
            parent, tokenizer, figures = cut_vocabulary(
                parent, tokenizer, texts, settings.vocabulary.coverage
            )
            run.figures.update(figures)
        family = family_of(parent)
        _describe("pruned", family.config, target, run.figures)
        if settings.gqa == "expanded":
            family = expanded(family)
            parent = family.model
        rows_RL, held_out_RL = packed_rows(texts, tokenizer, settings.recovery.max_length, seed)
        batches = calibration_batches(texts, tokenizer, settings.calibration, seed)
        scores = _scores(out / "scores.safetensors", family, batches, target, settings)
        plan = make_plan(scores, parent_shape(family.config), target, settings.keep_layers or "importance")
        child = slice_model(family, plan, target)
        run.figures["layers_kept"] = [layer.layer for layer in plan.layers]
        run.figures["held_out_loss_parent"] = round(held_out_loss(parent, held_out_RL), 4)
        run.figures["held_out_loss_sliced"] = round(held_out_loss(child, held_out_RL), 4)
        if settings.recovery.steps:
            tokens = recover(child, parent, rows_RL, settings.recovery, out, seed)
            run.figures["recovery_tokens"] = tokens
            run.figures["held_out_loss_recovered"] = round(held_out_loss(child, held_out_RL), 4)
        with atomic_folder(out / "model") as partial:
            child.save_pretrained(partial)
            tokenizer.save_pretrained(partial)
        _check_round_trip(out / "model", child, held_out_RL[:1])
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
        run.count("texts", len(texts))
    return run.manifest


def _load(folder: Path) -> tuple[Any, Any]:
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise DramaError(f"{folder}: transformers can't load this as a causal LM ({error})") from None
    return model.eval(), tokenizer


def _scores(
    path: Path,
    family: Family,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    target: Shape,
    settings: PruneSettings,
) -> Scores:
    """From the file where they are, else made and kept: this folder has one parent, target, method, seed."""
    if path.is_file():
        return Scores(**load_file(path))
    note(f"prune: scoring, method {settings.method}")
    scores = METHODS[settings.method].score(family, batches, target)
    partial = path.with_suffix(".partial")
    save_file(scores.tensors(), partial)
    partial.replace(path)
    return scores


def _describe(name: str, config: Any, shape: Shape, figures: dict[str, Any]) -> None:
    body, whole = parameters(child_config(config, shape, range(shape.layers)))
    figures[f"parameters_{name}"] = whole
    figures[f"parameters_{name}_without_embeddings"] = body
    note(f"prune: {name} {shape._asdict()}: {body:,} parameters + {whole - body:,} embeddings")


def _check_round_trip(folder: Path, child: Any, rows_BL: torch.Tensor) -> None:
    """The folder holds what was trained.

    Raises:
        DramaError: plain transformers computes something else from it.
    """
    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        expected, got = child(input_ids=rows_BL).logits, again(input_ids=rows_BL).logits
    if not torch.allclose(expected, got, atol=1e-4):
        raise DramaError(f"{folder}: the saved model does not give the same logits", hint="report this")
