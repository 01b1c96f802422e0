"""Opening a model: the one place where transformers and sentence-transformers read a folder.

Whatever goes wrong there is a DramaError that names folder and cause. What a library only warns about, or
says nothing about, is checked: tensors that are missing (the library would draw them at random), that the
model has no place for, of another shape, or not finite; a tokenizer whose tokens have no row in the table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel

from drama.errors import DramaError
from drama.models.files import check_code, check_files
from drama.models.library_warnings import replace_handler
from drama.models.opening import opening
from drama.models.table import fit_to_table, table_of
from drama.models.tensors import TELL, check_finite, check_loaded

replace_handler()


def open_config(folder: Path) -> Any:
    """A model folder's config.

    Raises:
        DramaError: transformers does not know such a model, or the file is broken.
    """
    with opening(folder, "config.json"):
        if not (folder / "config.json").is_file():
            raise DramaError(
                f"{folder}: no config.json: a sentence-transformers model, not an LLM",
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
        DramaError: it can't be opened, is not an embedding model, or its weights are incomplete.
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


def _table(module: Any) -> int | None:
    """Rows of the table that a module of sentence-transformers looks its own tokens up in."""
    model = getattr(module, "auto_model", None)
    if isinstance(model, PreTrainedModel):
        return table_of(model.config)
    embedding = getattr(module, "embedding", None)
    return embedding.num_embeddings if isinstance(embedding, torch.nn.EmbeddingBag) else None
