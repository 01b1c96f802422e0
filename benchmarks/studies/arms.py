"""One study: several ways to train, each given the same minutes, judged on the same collections.

    python benchmarks/studies/arms.py STUDY.yaml --in FOLDER --data DATA --out OUT --minutes 5 --seed 1

STUDY.yaml names the collections, what all arms share, and each arm (`backbone.yaml` is one). `{in}` and
`{data}` in it are the folders given here. A pilot of 30 steps of each arm measures how many steps
fit into the minutes: a learning-rate schedule needs to know its end, and loading and evaluation do not count.

Each arm and seed gets a folder; finished ones are skipped, so that a study can be interrupted and resumed.
Run it on otherwise idle cores.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

PILOT = 30
WARM = 3
"""First steps of a pilot, which are not counted."""


def drama(*words: object) -> None:
    """Run a drama command in a process of its own."""
    subprocess.run([sys.executable, "-m", "drama.cli", *map(str, words)], check=True)


def seconds(stage: Path) -> list[float]:
    """Seconds of each step of a training run."""
    return [json.loads(line)["seconds"] for line in (stage / "events.jsonl").read_text().splitlines()]


def train(arm: dict[str, Any], out: Path, seed: int, steps: int) -> None:
    """`drama train` with the arm's settings; a finished stage is skipped."""
    words: list[object] = ["train", arm["backbone"], "--passages", arm["passages"]]
    words += ["--examples", arm["examples"], "--out", out, "--seed", seed, "--steps", steps]
    words += ["--teacher", arm["teacher"]] if "teacher" in arm else []
    for name, value in arm["set"].items():
        words += ["--set", f"{name}={json.dumps(value)}"]
    drama(*words)


def run(arm: dict[str, Any], folder: Path, seed: int, minutes: float, study: dict[str, Any]) -> None:
    """Pilot, train and evaluate one arm; `arm.json` is written last."""
    pilot = folder.parent / f"{folder.name.removesuffix(f'-{seed}')}-pilot"
    train(arm, pilot, 0, PILOT)
    steps = round(minutes * 60 / mean(seconds(pilot)[WARM:]))
    train(arm, folder / "train", seed, steps)
    words: list[object] = ["evaluate", folder / "train/model", *study["judged"]]
    for dim in arm.get("dims", []):
        words += ["--dim", dim]
    drama(*words, "--max-length", study["max_length"], "--out", folder / "results.json")
    record = {
        "seed": seed,
        "steps": steps,
        "training_seconds": round(sum(seconds(folder / "train")), 1),
        "cores": len(os.sched_getaffinity(0)),
    }
    (folder / "arm.json").write_text(json.dumps(record, indent=2) + "\n")


def main() -> None:
    """Run every unfinished arm, seed by seed."""
    reader = argparse.ArgumentParser()
    reader.add_argument("study", type=Path)
    reader.add_argument("--in", dest="inside", required=True)
    reader.add_argument("--data", required=True)
    reader.add_argument("--out", type=Path, required=True)
    reader.add_argument("--minutes", type=float, default=5.0)
    reader.add_argument("--seed", type=int, nargs="+", default=[1])
    reader.add_argument("--arm", nargs="+")
    given = reader.parse_args()
    text = given.study.read_text().replace("{in}", given.inside).replace("{data}", given.data)
    study = yaml.safe_load(text)
    for seed in given.seed:
        for name, own in study["arms"].items():
            folder = given.out / f"{name}-{seed}"
            if (folder / "arm.json").exists() or (given.arm and name not in given.arm):
                continue
            arm = {**study["all"], **own, "set": {**study["all"]["set"], **own.get("set", {})}}
            run(arm, folder, seed, given.minutes, study)


if __name__ == "__main__":
    main()
