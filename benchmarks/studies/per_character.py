"""What languages.sh cost each language, in nats a character: perplexities compare within one vocabulary only.

    python benchmarks/studies/per_character.py RUNS DATA > per-character.json

RUNS is the OUT of languages.sh. Tokens a character are counted over the language's NTREX text.
"""

import json
import math
import sys
from pathlib import Path

from transformers import AutoTokenizer


def main() -> None:
    """Run → language → tokens a character, nats a character of the cut parent and of the child."""
    runs, data = map(Path, sys.argv[1:])
    found: dict[str, dict[str, dict[str, float]]] = {}
    for run in sorted(path.parent.parent for path in runs.glob("*/prune/manifest.json")):
        figures = json.loads((run / "prune/manifest.json").read_text())["figures"]
        tokenizer = AutoTokenizer.from_pretrained(run / "prune/model")
        found[run.name] = {}
        for row in sorted(figures["perplexity_by_language"], key=lambda row: row["name"]):
            lines = (data / f"corpora/ntrex-{row['name']}.jsonl").read_text().splitlines()
            texts = [json.loads(line)["text"] for line in lines]
            ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
            share = sum(map(len, ids)) / sum(map(len, texts))
            nats = {name: round(share * math.log(row[name]), 3) for name in ("parent", "pruned")}
            found[run.name][row["name"]] = {"tokens": round(share, 4), **nats, "read": row["read"]}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
