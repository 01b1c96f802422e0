#!/bin/bash
# The adapt recipe as it stands against the recipe and code of an earlier commit, each given the same minutes of
# training on one core: the two run side by side, a core each.
#
#   DATA=path/to/shared/data OUT=runs/study-adapt SEEDS="1 2 3" benchmarks/studies/adapt.sh
#
# Steps come from a pilot of each version (30 steps, the others idle). What is finished is not run again.
set -euo pipefail
DATA=${DATA:-../shared/data}
OUT=$(realpath -m "${OUT:-runs/study-adapt}")
EARLIER=${EARLIER:-51512f1}
MINUTES=${MINUTES:-20}
SEEDS=${SEEDS:-1}
PYTHON=$(realpath -s "${PYTHON:-.venv/bin/python}")
JUDGED=$(realpath "$DATA")/collections
IN="[$JUDGED/cranfield,$JUDGED/cisi,$JUDGED/med]"
mkdir -p "$OUT"
[ -e "$OUT"/code-old ] || git worktree add --detach "$OUT"/code-old "$EARLIER"
[ -e "$OUT"/code-new ] || git worktree add --detach "$OUT"/code-new HEAD

run() { # version, core, run folder, seed, steps, judged
  cd "$OUT/code-$1"
  OMP_NUM_THREADS=1 PYTHONPATH=src taskset -c "$2" "$PYTHON" -m drama.cli run recipes/adapt-cpu.yaml \
    --set "run=$3" --set "seed=$4" --set "train.steps=$5" --set "corpus.inputs=$IN" \
    --set "evaluate.models=[bm25,student]" --set "evaluate.collections=$6" >> "$3.log" 2>&1
}

declare -A CORE=([new]=0 [old]=1)

for version in new old; do # the labels of a first seed, both at once; then the pilots' training, one at a time
  [ -e "$OUT/$version.steps" ] || run $version "${CORE[$version]}" "$OUT/$version-pilot" 0 2 "[]" &
done
wait
for version in new old; do
  [ -e "$OUT/$version.steps" ] && continue
  run $version 0 "$OUT/$version-pilot" 0 30 "[]"
  "$PYTHON" - "$OUT/$version-pilot/train/events.jsonl" "$MINUTES" > "$OUT/$version.steps" <<'P'
import json
import sys
from statistics import mean

seconds = [json.loads(line)["seconds"] for line in open(sys.argv[1])]
print(round(60 * float(sys.argv[2]) / mean(seconds[3:])))
P
done
for seed in $SEEDS; do
  for version in new old; do
    folder="$OUT/$version-$seed"
    mkdir -p "$folder"
    [ -e "$folder/embeddings" ] || cp -r "$OUT/$version-pilot/embeddings" "$folder/embeddings"
    run $version "${CORE[$version]}" "$folder" "$seed" "$(cat "$OUT/$version.steps")" "$IN" &
  done
  wait
done
