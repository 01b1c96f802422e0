"""Steps of one kind: `python -m drama_bench.shearing_once JOB KIND RESULT`."""

import json
import resource
import sys
from pathlib import Path
from statistics import median

import torch

from drama.files import write_json
from drama.prune.families import family_of
from drama.prune.learn.domains import Domain, Mixture
from drama.prune.learn.recover import Recovery
from drama.prune.learn.settings import DomainSettings, RecoverySettings
from drama.prune.learn.updates import Learner, Log, update
from drama.prune.load import load_causal_lm
from drama.prune.methods.shearing.learn import MaskLearner
from drama.prune.methods.shearing.settings import ShearingSettings
from drama.prune.shape.shape import Shape
from drama.workspace import read_events

_SEED = 0


def main() -> None:
    """Run the steps and write their figures."""
    job_file, kind, result = sys.argv[1:]
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    model = load_causal_lm(Path(job["parent"]))
    steps, size = job["steps"], job["batch_size"]
    learner: Learner
    if kind == "shearing":
        masks = ShearingSettings(steps=steps, batch_size=size)
        learner = MaskLearner(family_of(model), Shape(*job["shape"]), masks, _SEED)
    else:
        plain = RecoverySettings(steps=steps, batch_size=size, learning_rate=1e-4, kl_weight=0.0)
        learner = Recovery(model, None, plain)
    rows_RL = torch.tensor(job["rows"])
    mixture = Mixture([Domain("all", rows_RL, rows_RL[:1])], DomainSettings(), {})
    work = Path(result).with_suffix("")
    log = Log(work / "events.jsonl", work / "checkpoints", 0)
    update(learner, mixture, log, _SEED)
    events = read_events(log.events)
    log.events.unlink()
    figures = {
        "step_seconds": round(median(event["seconds"] for event in events[1:]), 4),
        "lm_losses": [event["lm_loss"] for event in events],
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    write_json(Path(result), figures)


if __name__ == "__main__":
    main()
