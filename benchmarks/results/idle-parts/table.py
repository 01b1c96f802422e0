"""Prints table.txt: do learnt masks drop the parts that do nothing? Five kinds of parts, five seeds.

    PYTHONPATH=src python benchmarks/results/idle-parts/table.py

For `b3e05fd`, PYTHONPATH names the `src` of its checkout. The toy models, and what must fall, are those of
tests/prune/test_idle_parts.py.
"""

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

import torch

spec = importlib.util.spec_from_file_location("idle_parts", "tests/prune/test_idle_parts.py")
assert spec is not None
assert spec.loader is not None
t: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(t)


def measure(kind: str, seed: int) -> tuple[bool, float, float]:
    """(right plan, smallest gap in log α between what stays and what goes, sparsity off target)."""
    torch.manual_seed(0)
    idle = t.IDLE[kind]
    model, target = t.trained(idle, seed), t.PARENT._replace(**idle.target)
    settings = t.ShearingSettings(steps=120, batch_size=4)
    learner = t.MaskLearner(t.family_of(model), target, settings, seed)
    mixture = t.Mixture([t.Domain("en", t.ROWS_RL, t.ROWS_RL)], t.DomainSettings(), {})
    with tempfile.TemporaryDirectory() as name:
        events = Path(name) / "events.jsonl"
        t.update(learner, mixture, t.Log(events, Path(name) / "checkpoints", 0), seed)
        last = t.read_events(events)[-1]
    masks = learner.masks(t.without_noise)
    scores = t.Scores(*(getattr(masks, field) for field in t.Scores._fields))
    plan = t.make_plan(scores, t.parent_shape(model.config), target)
    log_alpha, kept = learner.log_alpha[kind].detach(), learner.kinds[kind].keep
    ordered = log_alpha.sort(dim=1, descending=True).values
    gap = (ordered[:, kept - 1] - ordered[:, kept]).min().item()
    off = abs(last["sparsity"][kind] - last["wanted_sparsity"][kind])
    return idle.kept(plan) == idle.right, round(gap, 2), round(off, 3)


print(f"# {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} thread(s)")
for kind in t.IDLE:
    right, gaps, off = zip(*(measure(kind, seed) for seed in range(5)), strict=True)
    print(kind, sum(right), "/ 5 right; gap", list(gaps), "off", max(off), flush=True)
