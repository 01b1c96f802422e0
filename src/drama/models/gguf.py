"""GGUF to transformers: dequantise once, save as safetensors.

transformers reads GGUF but refuses to save what it read; so the weights go into a fresh model of the same
configuration without its quantisation record. The header is checked first: it comes from anywhere, and its
counts and lengths decide how much memory reading takes.
"""

from pathlib import Path

from drama.console import note
from drama.errors import FileError
from drama.files import atomic_folder
from drama.models.files import write_sums
from drama.models.gguf_header import check_header


def dequantise(gguf: Path, out: Path) -> Path:
    """Write the model and tokenizer of a GGUF file to `out`, atomically, in float32.

    Raises:
        DramaError: the file is damaged, or transformers can't read it.
    """
    elements = check_header(gguf)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from drama.models.opening import opening
    from drama.models.table import fit_to_table, table_of
    from drama.models.tensors import TELL, check_finite, check_loaded

    note(f"dequantising {gguf.name} (about half a minute for 135M parameters)")
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    with opening(gguf, "GGUF file"):
        config = AutoConfig.from_pretrained(**where)
        with torch.device("meta"):
            wanted = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
        if wanted > 2 * elements:
            raise FileError(gguf, f"describes {wanted:,} parameters and holds {elements:,}")
        quantised, found = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32, **TELL)
        check_loaded(gguf, quantised, found)
        check_finite(gguf, quantised)
        tokenizer = AutoTokenizer.from_pretrained(**where)
        fit_to_table(gguf, tokenizer, table_of(quantised.config))
        values = quantised.config.to_dict()
        for key in ("quantization_config", "_name_or_path"):
            values.pop(key, None)
        with torch.device("meta"):  # the weights are taken over, not copied: 7 GB for 1.5B parameters
            model = type(quantised)(type(quantised.config)(**values))
        model.load_state_dict(quantised.state_dict(), assign=True)
        model.tie_weights()
    with atomic_folder(out) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        write_sums(partial)
    return out
