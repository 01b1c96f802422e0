#!/bin/bash
# The paper's main claim at our scale: the same student, the same number of updates, trained on cropped
# sentences, on written queries, on reranked lists, on all three, and on supervised queries.
#
#   DATA=path/to/shared/data OUT=runs/study-kinds SEEDS="1 2 3" benchmarks/studies/kinds.sh
#
# Every run leaves a folder; what is finished is not run again, so that the study can be stopped at any time.
set -euo pipefail
DATA=${DATA:-../shared/data}
OUT=${OUT:-runs/study-kinds}
SEEDS=${SEEDS:-1}
STEPS=${STEPS:-150}
RERANKED=${RERANKED:-800} # queries; 0: no reranking, and "all" is the other two
KINDS=${KINDS:-"sent qgen rerank all supervised"}
DRAMA=${DRAMA:-.venv/bin/drama}
PYTHON=${PYTHON:-.venv/bin/python}
JUDGED=(cranfield cisi med pubmedqa-en xquad-en tydiqa-en)

if [ ! -e "$OUT"/augment/examples.parquet ]; then
  $DRAMA corpus "$DATA"/corpora/enwiki-sample-en.jsonl "$DATA"/corpora/tydiqatrain-en.jsonl --out "$OUT"/corpus
  $DRAMA prune smollm2-135m --layers 2 --data "$OUT"/corpus/passages.parquet --out "$OUT"/pruned
  rerank=()
  if [ "$RERANKED" -gt 0 ]; then
    rerank=(--set rerank.method=likelihood --set rerank.queries="$RERANKED" --set rerank.text_words=60)
  fi
  $DRAMA augment "$OUT"/corpus --out "$OUT"/augment --store "$OUT"/store --crops 1 --synthesize 2000 \
    --retriever bm25 --retriever all-minilm-l6-v2 --set synthesize.batch_size=16 "${rerank[@]}"
fi

# Judged queries that are meant for training: nfcorpus' train split, and tydiqa-train-en, whose only split is
# called test and is never used as one here.
supervised="$OUT"/supervised
if [[ " $KINDS " == *" supervised "* && ! -e "$supervised"/examples.parquet ]]; then
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
  cp "$supervised"/augment/examples.parquet "$supervised"/examples.parquet
fi

for kind in $KINDS; do
  [ "$kind" = supervised ] && continue
  $PYTHON - "$OUT" "$kind" <<'P'
import sys
import pyarrow.compute as pc
import pyarrow.parquet as pq
out, kind = sys.argv[1:]
table = pq.read_table(f"{out}/augment/examples.parquet")
if kind != "all":
    table = table.filter(pc.equal(table["kind"], kind))
pq.write_table(table, f"{out}/{kind}.parquet")
P
done
[ -e "$supervised"/examples.parquet ] && cp "$supervised"/examples.parquet "$OUT"/supervised.parquet

for seed in $SEEDS; do
  for kind in $KINDS; do
    run="$OUT/$kind-$seed"
    [ -e "$run/results.json" ] && continue
    passages="$OUT"/corpus/passages.parquet
    [ "$kind" = supervised ] && passages="$supervised"/corpus/passages.parquet
    $DRAMA train "$OUT"/pruned/prune/model --passages "$passages" \
      --examples "$OUT/$kind.parquet" --out "$run/train" --seed "$seed" --steps "$STEPS" --batch-size 32 \
      --set document_length=64 --set learning_rate=1e-3 --set embedding_learning_rate=5e-3 \
      --set temperature=0.05 --set checkpoint_every=100
    $DRAMA evaluate "$run/train/model" "${JUDGED[@]/#/$DATA/collections/}" --max-length 128 \
      --out "$run/results.json"
  done
done
