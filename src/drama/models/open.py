"""Opening a model: the one place where transformers and sentence-transformers read a folder.

Whatever goes wrong there is a DramaError that names folder and cause. What a library only warns about, or
says nothing about, is checked: tensors that are missing (the library would draw them at random), that the
model has no place for, of another shape, or not finite; a tokenizer whose tokens have no row in the table.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel

from drama.console import warn
from drama.errors import DramaError
from drama.models.files import check_code, check_files
from drama.models.library_warnings import replace_handler

replace_handler()

_MAY_BE_MISSING = re.compile(r"(^|\.)(pooler\.|position_ids$)")
"""Poolers of BERT's kind, which nobody here reads, and what is counted and not learnt."""
_MAY_BE_LEFT = re.compile(
    r"(^|\.)(pooler\.|position_ids$|inv_freq$|masked_bias$|attn\.bias$|lm_head\.|cls\.|classifier\.|score\."
    r"|qa_outputs\.|lm_predictions\.|mlm_head\.|generator_|discriminator_|predictions\.|vocab_)"
)
"""Heads for other tasks, and buffers that are computed."""
TELL = {"output_loading_info": True, "ignore_mismatched_sizes": True}
"""Have transformers say what does not fit, and not only that something does not."""
_SHOWN = 300


@contextmanager
def opening(folder: Path, what: str) -> Iterator[None]:
    """Turn any exception of the block into a DramaError that names the folder and the cause.

    Args:
        folder: the model's.
        what: what is opened, for the message: `model`, `tokenizer`.
    """
    try:
        yield
    except DramaError:
        raise
    except Exception as error:
        raise DramaError(f"{folder}: this {what} can't be opened ({cause(error)})") from error


def cause(error: Exception) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"
    plain = isinstance(error, OSError | ValueError) and bool(text)
    return short if plain else f"{type(error).__name__}: {short}".removesuffix(": ")


def open_config(folder: Path) -> Any:
    """A model folder's config.

    Raises:
        DramaError: transformers does not know such a model, or the file is broken.
    """
    with opening(folder, "config.json"):
        if not (folder / "config.json").is_file():
            raise DramaError(
                f"{folder}: no config.json: a model of sentence-transformers only, which is no LLM",
                hint="give a folder that transformers wrote",
            )
        check_code(folder)
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)


def open_model(auto: Any, folder: Path, dtype: torch.dtype) -> Any:
    """The model in a folder, in evaluation mode.

    Args:
        auto: a class of transformers that opens folders, such as `AutoModel`.
        folder: a model folder in transformers' format.
        dtype: type of the weights.

    Raises:
        DramaError: the folder can't be opened, its weights are quantised, or they are not all of the model's.
    """
    with opening(folder, "model"):
        check_files(folder)
    config = open_config(folder)
    quantised = getattr(config, "quantization_config", None)
    if quantised:
        how = getattr(quantised, "quant_method", None) or dict(quantised).get("quant_method", "")
        raise DramaError(
            f"{folder}: its weights are quantised ({how}), and drama computes with plain ones",
            hint="give the model that was quantised, or a GGUF file of it",
        )
    with opening(folder, "model"):
        model, found = auto.from_pretrained(folder, dtype=dtype, trust_remote_code=False, **TELL)
        check_loaded(folder, model, found)
        check_finite(folder, model)
    return model.eval()


def open_tokenizer(folder: Path, needs_end: bool = False) -> Any:
    """The tokenizer in a folder; where it has no token for padding, EOS stands in, for padding is masked.

    Special tokens without a row in the model's table (Gemma 3's `<image_soft_token>`, a padding token that
    was added) are removed: written in a text, they are text.

    Args:
        folder: a model folder in transformers' format.
        needs_end: refuse a tokenizer without EOS.

    Raises:
        DramaError: transformers can't read it, or it does not fit the model's table.
    """
    with opening(folder, "tokenizer"):
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        fit_to_table(folder, tokenizer, table_of(open_config(folder)))
        if needs_end and tokenizer.eos_token_id is None:
            raise DramaError(
                f"{folder}: the tokenizer has no EOS", hint="name its eos_token in tokenizer_config.json"
            )
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def open_sentence_transformer(folder: Path, device: torch.device) -> Any:
    """A model of sentence-transformers, opened and checked.

    Raises:
        DramaError: it can't be opened, is no embedding model, or its weights are not whole.
    """
    from sentence_transformers import SentenceTransformer

    with opening(folder, "sentence-transformers model"):
        check_files(folder)
        with _checked_loading():
            model: Any = SentenceTransformer(str(folder), device=str(device))
        check_finite(folder, model)
        for module in model.modules():
            tokenizer, table = getattr(module, "tokenizer", None), _table(module)
            if tokenizer is not None and table is not None:
                fit_to_table(folder, tokenizer, table)
    return model


@contextmanager
def _checked_loading() -> Iterator[None]:
    """Check each model that another library loads with transformers in the block."""
    real = PreTrainedModel.from_pretrained.__func__

    def checked(cls: Any, folder: Any, *given: Any, **options: Any) -> Any:
        model, found = real(cls, folder, *given, **options | TELL)
        check_loaded(Path(folder), model, found)
        return model

    PreTrainedModel.from_pretrained = classmethod(checked)
    try:
        yield
    finally:
        PreTrainedModel.from_pretrained = classmethod(real)


def check_loaded(folder: Path, model: Any, found: Mapping[str, Any]) -> None:
    """Check what transformers says about the tensors of a checkpoint.

    Args:
        folder: for messages.
        model: as loaded.
        found: `output_loading_info` of `from_pretrained`.

    Raises:
        DramaError: tensors of the model are missing or have another shape, or the checkpoint holds tensors
            that belong to parts of the model and have no place in it.
    """
    missing = sorted(name for name in found["missing_keys"] if not _MAY_BE_MISSING.search(name))
    left = sorted(name for name in found["unexpected_keys"] if not _MAY_BE_LEFT.search(name))
    if found["mismatched_keys"]:
        name, held, wanted = min(found["mismatched_keys"])
        raise DramaError(
            f"{folder}: {name} has the shape {tuple(held)}, and config.json says {tuple(wanted)}"
        )
    if missing:
        first, other = missing[0], _prefix(missing, left, model.base_model_prefix)
        raise DramaError(
            f"{folder}: {len(missing)} tensors of the model are not in the checkpoint, for example {first}"
            + (f"; names there begin with '{other}'" if other else ""),
            hint=f"save the model without '{other}' in the names of its tensors"
            + (" (PEFT: merge_and_unload)" if "base_model" in other else "")
            if other
            else "the checkpoint is of another model, or not whole",
        )
    parts = {name for name, _ in (*model.named_children(), *model.base_model.named_children())}
    own = [name for name in left if _first_part(name, model.base_model_prefix) in parts]
    if own:
        raise DramaError(
            f"{folder}: the checkpoint holds {len(own)} tensors that config.json's model has no place for,"
            f" for example {own[0]}",
            hint="config.json is not this checkpoint's: its layers, biases or adapters differ",
        )
    if left:
        warn(f"{folder}: {len(left)} tensors are not used by a {type(model).__name__}, for example {left[0]}")


def _prefix(missing: list[str], left: list[str], base: str) -> str:
    """What stands before names in the checkpoint and does not belong there; empty where nothing does."""
    for wanted, name in ((wanted, name) for wanted in missing for name in left):
        if name.endswith(f".{wanted}"):
            before = name.removesuffix(wanted)
            whole = wanted.startswith(f"{base}.")
            return before if whole else before.removesuffix(f"{base}.") or before
    return ""


def _first_part(name: str, prefix: str) -> str:
    return name.removeprefix(f"{prefix}.").split(".", 1)[0]


def check_finite(folder: Path, model: torch.nn.Module) -> None:
    """Refuse weights that are not numbers.

    Raises:
        DramaError: a tensor holds NaN or infinity.
    """
    for name, tensor in model.named_parameters():
        if tensor.numel() and tensor.is_floating_point():
            low, high = tensor.detach().aminmax()  # both are NaN where one value is
            if not (torch.isfinite(low) and torch.isfinite(high)):
                raise DramaError(
                    f"{folder}: {name} holds NaN or infinity",
                    hint="the training that wrote it diverged, or the file is damaged",
                )


def table_of(config: Any) -> int | None:
    """Rows of the table of token embeddings; None where the config does not say."""
    rows = getattr(config.get_text_config(), "vocab_size", None)
    return rows if isinstance(rows, int) else None


def _table(module: Any) -> int | None:
    """Rows of the table that a module of sentence-transformers looks its own tokens up in."""
    model = getattr(module, "auto_model", None)
    if isinstance(model, PreTrainedModel):
        return table_of(model.config)
    embedding = getattr(module, "embedding", None)
    return embedding.num_embeddings if isinstance(embedding, torch.nn.EmbeddingBag) else None


def fit_to_table(folder: Path, tokenizer: Any, rows: int | None) -> None:
    """Remove special tokens beyond the table; refuse others there.

    Raises:
        DramaError: a text could give a token that has no row.
    """
    vocabulary: Mapping[str, int] = tokenizer.get_vocab()
    beyond = {token: i for token, i in vocabulary.items() if rows is not None and i >= rows}
    if not beyond:
        return
    added = getattr(tokenizer, "added_tokens_decoder", {})
    special = {token for token, i in beyond.items() if i in added and added[i].special}
    in_use = {getattr(tokenizer, f"{name}_token", None) for name in ("bos", "eos", "cls", "sep", "unk")}
    wrong = sorted(token for token in beyond if token not in special or token in in_use)
    if wrong or not hasattr(tokenizer, "backend_tokenizer"):
        raise DramaError(
            f"{folder}: the tokenizer has {max(beyond.values()) + 1} tokens, the model {rows}"
            f" (no row for {', '.join(map(repr, wrong[:3] or [*beyond][:3]))})",
            hint="resize_token_embeddings was not called, or the tokenizer is another model's",
        )
    _remove(tokenizer, special)


def _remove(tokenizer: Any, special: set[str]) -> None:
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    spec["added_tokens"] = [token for token in spec["added_tokens"] if token["content"] not in special]
    if tokenizer.pad_token in special:
        spec["padding"] = None
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.sep_token
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(spec))
