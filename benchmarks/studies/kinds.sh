#!/bin/bash
# What kinds.yaml trains on: unlabelled passages with crops, written queries and reranked lists, a student pruned on
# them, and supervised sets. Then the study:
#
#   DATA=path/to/shared/data OUT=runs/study-kinds benchmarks/studies/kinds.sh
#   python benchmarks/studies/arms.py benchmarks/studies/kinds.yaml --in runs/study-kinds --data DATA \
#     --out runs/study-kinds/arms --minutes 5 --seed 1 2 3
#
# It can be interrupted and resumed at any time.
set -euo pipefail
DATA=${DATA:-../shared/data}
OUT=${OUT:-runs/study-kinds}
RERANKED=${RERANKED:-800} # queries
DRAMA=${DRAMA:-.venv/bin/drama}

$DRAMA corpus "$DATA"/corpora/enwiki-sample-en.jsonl "$DATA"/corpora/tydiqatrain-en.jsonl --out "$OUT"/corpus
$DRAMA prune smollm2-135m --layers 2 --data "$OUT"/corpus/passages.parquet --out "$OUT"/pruned
$DRAMA augment "$OUT"/corpus --out "$OUT"/augment --store "$OUT"/store --crops 1 --synthesize 2000 \
  --retriever bm25 --retriever all-minilm-l6-v2 --set synthesize.batch_size=16 \
  --set rerank.method=likelihood --set rerank.queries="$RERANKED" --set rerank.text_words=60

# Judged queries that are meant for training: nfcorpus' train split, and tydiqa-train-en, whose only split is
# called test and is never used as one here.
supervised="$OUT"/supervised
mkdir -p "$supervised"/tydiqa-train-en/qrels
for file in corpus.jsonl queries.jsonl; do
  ln -sf "$(realpath "$DATA")/collections/tydiqa-train-en/$file" "$supervised/tydiqa-train-en/$file"
done
ln -sf "$(realpath "$DATA")/collections/tydiqa-train-en/qrels/test.tsv" \
  "$supervised"/tydiqa-train-en/qrels/train.tsv
sets=("$DATA"/collections/nfcorpus "$supervised"/tydiqa-train-en)
$DRAMA corpus "${sets[@]}" --out "$supervised"/corpus
$DRAMA augment "$supervised"/corpus --out "$supervised"/augment --store "$OUT"/store --crops 0 \
  --supervised "${sets[0]}" --supervised "${sets[1]}" --retriever bm25 --retriever all-minilm-l6-v2
