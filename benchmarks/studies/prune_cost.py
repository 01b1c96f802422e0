"""What pruning Llama-3.2-1B costs, computed and not run: the table in docs/prune.md.

    python benchmarks/studies/prune_cost.py OUT.json

FLOP of forward passes are PyTorch's count on meta tensors, attention over the whole square; a backward pass
is twice that. What is computed again is in it: layers (gradient checkpointing) and chunks of logits, the
teacher's too. Masks are learnt on the parent with its kv heads repeated. Hours assume 40% of an H100's 989
TFLOP/s.
"""

import json
import sys
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

LENGTH = 4096
VOCABULARY = 128_256
HOURLY = 0.4 * 989e12 * 3600
TOKENS = {"masks": 0.5e9, "recovery": 26e9}
SHAPES = {
    "1B": (16, 2048, 32, 8, 8192),
    "1B, kv heads repeated": (16, 2048, 32, 32, 8192),
    "0.3B": (16, 1024, 16, 16, 4096),
    "0.1B": (12, 768, 12, 12, 3072),
}
"""Layers, hidden, heads, kv heads, intermediate."""


def forward_flop(name: str) -> tuple[float, float]:
    """Of one token: all of the model, and its layers alone."""
    layers, hidden, heads, kv_heads, intermediate = SHAPES[name]
    config = LlamaConfig(
        num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv_heads,
        intermediate_size=intermediate, vocab_size=VOCABULARY, head_dim=64, max_position_embeddings=LENGTH,
        tie_word_embeddings=True,
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
        ids_1L = torch.zeros(1, LENGTH, dtype=torch.long)
        mask_11LL = torch.ones(1, 1, LENGTH, LENGTH, dtype=torch.bool)
    found = []
    for part in (model, model.model):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            part(input_ids=ids_1L, attention_mask=mask_11LL, position_ids=ids_1L, use_cache=False)
        found.append(counter.get_total_flops() / LENGTH)
    return found[0], found[1]


def main() -> None:
    """Compute, show, write."""
    flop = {name: forward_flop(name) for name in SHAPES}
    trained = {name: 4 * whole for name, (whole, _) in flop.items()}
    whole, layers = flop["1B"]
    teacher = whole + (whole - layers)
    per_token = {
        "masks": trained["1B, kv heads repeated"],
        "recovery of 0.3B": trained["0.3B"] + teacher,
        "recovery of 0.3B without KL": trained["0.3B"],
        "recovery of 0.1B": trained["0.1B"] + teacher,
        "recovery of 0.1B without KL": trained["0.1B"],
    }
    rows = {}
    for name, each in per_token.items():
        total = each * TOKENS[name.split(" ")[0]]
        hours = {f"hours on {n} GPUs": round(total / HOURLY / n, 2) for n in (8, 32)}
        rows[name] = {"GFLOP a token": round(each / 1e9, 2), "FLOP": float(f"{total:.2g}"), **hours}
        print(name, rows[name])
    Path(sys.argv[1]).write_text(json.dumps({"torch": torch.__version__, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
