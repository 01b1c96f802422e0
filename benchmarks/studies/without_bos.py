"""Perplexity of a causal LM on packed rows of English, with and without a BOS at the start of each.

python benchmarks/studies/without_bos.py gemma3-270m DATA/corpora/enwiki-sample-en.jsonl > without-bos.json
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from drama.models import resolve
from drama.prune.load import load_causal_lm, load_tokenizer

ROWS, LENGTH = 32, 63


def main() -> None:
    """The same tokens are predicted both times."""
    name, file = sys.argv[1:]
    folder = resolve(name)
    model, tokenizer = load_causal_lm(folder), load_tokenizer(folder)
    ids: list[int] = []
    for line in Path(file).read_text().splitlines()[100:]:
        ids += tokenizer(json.loads(line)["text"], add_special_tokens=False)["input_ids"]
    rows_RL = torch.tensor(ids[: ROWS * LENGTH]).view(ROWS, LENGTH)
    bos_R1 = torch.full((ROWS, 1), tokenizer.bos_token_id)
    found = {"model": name, "tokens": rows_RL[:, 1:].numel(), "torch": torch.__version__}
    for kind, tokens_RL in (("without", rows_RL), ("with", torch.cat([bos_R1, rows_RL], dim=1))):
        with torch.inference_mode():
            logits_RLV = model(input_ids=tokens_RL).logits[:, -LENGTH:-1]
        loss = F.cross_entropy(logits_RLV.flatten(0, 1), rows_RL[:, 1:].flatten())
        found[f"perplexity {kind} BOS"] = round(loss.exp().item(), 2)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
