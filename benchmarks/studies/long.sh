#!/bin/bash
# Whole documents and cropped sentences of them, for long.yaml: DATA=… OUT=… benchmarks/studies/long.sh
set -euo pipefail
DATA=${DATA:-../shared/data}
OUT=${OUT:-runs/study}
DRAMA=${DRAMA:-.venv/bin/drama}
inputs=()
for name in wikitext2-en stories-asp-en stories-pb-en lohelp-en debhandbook-en pydoc-topics-en enwiki-sample-en; do
  inputs+=("$DATA/corpora/$name.jsonl")
done
$DRAMA corpus "${inputs[@]}" --out "$OUT"/long-corpus
$DRAMA augment "$OUT"/long-corpus --out "$OUT"/long-augment --store "$OUT"/long-store --crops 2 \
  --retriever bm25 --retriever lsa
