"""GGUF to transformers: dequantise once, save as safetensors.

transformers reads GGUF but refuses to save what it read; so the weights go into a fresh model of the same
configuration without its quantisation record.
"""

from pathlib import Path

from drama.console import note
from drama.errors import DramaError
from drama.files import atomic_folder


def dequantise(gguf: Path, out: Path) -> Path:
    """Write the model and tokenizer of a GGUF file to `out`, atomically, in float32.

    Raises:
        DramaError: transformers can't read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    note(f"dequantising {gguf.name} (about half a minute for 135M parameters)")
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    try:
        quantised = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(**where)
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise DramaError(f"{gguf}: transformers can't read this GGUF file ({error})") from None
    values = quantised.config.to_dict()
    for key in ("quantization_config", "_name_or_path"):
        values.pop(key, None)
    model = type(quantised)(type(quantised.config)(**values))
    model.load_state_dict(quantised.state_dict())
    with atomic_folder(out) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
    return out
