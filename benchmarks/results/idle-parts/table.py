"""Prints table.txt: for five kinds of parts and five seeds, whether learnt masks drop the parts that do nothing.

    PYTHONPATH=src python benchmarks/results/idle-parts/table.py     # `before`: PYTHONPATH=<a checkout of b3e05fd>/src

The toy models and what must fall are those of tests/prune/test_idle_parts.py.
"""

import importlib.util
import tempfile
from pathlib import Path

import torch

spec = importlib.util.spec_from_file_location("t", "tests/prune/test_idle_parts.py")
t = importlib.util.module_from_spec(spec)
spec.loader.exec_module(t)
import drama

print(drama.__file__, torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), flush=True)
for kind in t.IDLE:
    out = []
    for seed in range(5):
        torch.manual_seed(0)
        idle = t.IDLE[kind]
        m = t.trained(idle, seed)
        target = t.PARENT._replace(**idle.target)
        l = t.MaskLearner(t.family_of(m), target, t.ShearingSettings(steps=120, batch_size=4), seed)
        mix = t.Mixture([t.Domain("en", t.ROWS_RL, t.ROWS_RL)], t.DomainSettings(), {})
        with tempfile.TemporaryDirectory() as f:
            t.update(l, mix, t.Log(Path(f) / "e.jsonl", Path(f) / "c", 0), seed)
            ev = t.read_events(Path(f) / "e.jsonl")[-1]
        masks = l.masks(t.without_noise)
        plan = t.make_plan(
            t.Scores(*(getattr(masks, n) for n in t.Scores._fields)), t.parent_shape(m.config), target
        )
        ok = idle.kept(plan) == idle.right
        a = l.log_alpha[kind].detach().sort(dim=1, descending=True).values
        k = l.kinds[kind].keep
        out.append(
            (
                ok,
                round((a[:, k - 1] - a[:, k]).min().item(), 2),
                round(abs(ev["sparsity"][kind] - ev["wanted_sparsity"][kind]), 3),
            )
        )
    print(
        kind,
        sum(o[0] for o in out),
        "/ 5 right; gap",
        [o[1] for o in out],
        "off",
        max(o[2] for o in out),
        flush=True,
    )
