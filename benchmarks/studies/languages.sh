#!/bin/bash
# Gemma 3 270M in twenty languages: half of its layers, the vocabulary of the corpora, recovery. Then the same with
# two languages left out: what do they lose?
#
#   DATA=path/to/shared/data OUT=runs/study-languages benchmarks/studies/languages.sh
#
# Both run at the same time, on one core each. Finished runs are skipped.
set -euo pipefail
DATA=$(realpath "${DATA:-../shared/data}")/corpora
OUT=$(realpath -m "${OUT:-runs/study-languages}")
PYTHON=$(realpath -s "${PYTHON:-.venv/bin/python}")
TOKENS=${TOKENS:-40000}
WITHOUT=${WITHOUT:-[sw,th]}
CORES=(${CORES:-0 1})
mkdir -p "$OUT"
texts=()
for file in "$DATA"/{ntrex,stories,osguide,globalvoices}-*.jsonl "$DATA"/{udhr-mul,iappwiki-th,gnomehelp-fi}.jsonl; do
  texts+=(--data "$file")
done

run() { # name, core, more
  OMP_NUM_THREADS=1 taskset -c "$2" "$PYTHON" -m drama.cli prune gemma3-270m "${texts[@]}" --out "$OUT/$1" \
    --method depth --layers 9 --tokens "$TOKENS" --set vocabulary.coverage=0.999 \
    --set domains.start=even --set recovery.shares_every=20 --set domains.held_out_rows=1 \
    --set recovery.checkpoint_every=10 "${@:3}" > "$OUT/$1.log" 2>&1
}

run all "${CORES[0]}" &
run without "${CORES[1]}" --set "domains.leave_out=$WITHOUT" &
wait
