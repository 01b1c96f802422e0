"""The trainers' common ground: data, batches, rates, and the timing of a step."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from drama.compute import schedule

RATE = 1e-4
TEMPERATURE = 0.05
MINI_BATCH = 32
MAX_LENGTH = 256
DECAY = 0.01
_BETAS = (0.9, 0.98)


class Task(NamedTuple):
    """A training task: `model/` in a folder, on pairs of a query and a document."""

    folder: Path
    pairs: list[list[str]]
    batch_size: int
    steps: int
    precision: str


class Clock:
    """Times of step ends; the first step is warm-up."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def tick(self) -> None:
        """A step has ended."""
        self.ends.append(time.monotonic())

    def seconds(self) -> float:
        """From the end of the first step to the end of the last."""
        return self.ends[-1] - self.ends[0]


def batches(total: int, size: int, steps: int) -> Iterator[list[int]]:
    """Rows of each step, as our trainer draws them with seed 0."""
    from drama.train.batches.order import consecutive

    for step in range(steps):
        yield consecutive(total, size, [0, 0], step)


def adamw(model: torch.nn.Module, steps: int) -> tuple[torch.optim.Optimizer, Any]:
    """The optimiser and the learning rates of a peer: ours."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.dim() > 1], "weight_decay": DECAY},
            {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
        ],
        lr=RATE,
        betas=_BETAS,
    )
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: schedule(min(step, steps - 1), steps, 0.0)
    )
    return optimiser, rates


class Watch:
    """Step times and losses of a trainer of transformers; give it `callback()`."""

    def __init__(self) -> None:
        self.clock, self.losses = Clock(), list[float]()

    def callback(self) -> Any:
        """For the trainer's list of callbacks."""
        from transformers import TrainerCallback

        watch = self

        class Callback(TrainerCallback):  # type: ignore[misc]
            """Calls back."""

            def on_step_end(self, *_: Any, **__: Any) -> None:
                watch.clock.tick()

            def on_log(self, *args: Any, logs: dict[str, float], **_: Any) -> None:
                if "loss" in logs:
                    watch.losses.append(float(logs["loss"]))

        return Callback()


def trainer_arguments(task: Task) -> dict[str, Any]:
    """Arguments of a transformers trainer."""
    return {
        "output_dir": str(task.folder / "peer"), "per_device_train_batch_size": task.batch_size,
        "max_steps": task.steps, "use_cpu": True, "logging_steps": 1, "save_strategy": "no",
        "report_to": "none", "disable_tqdm": True, "max_grad_norm": 1.0, "bf16": task.precision == "bf16",
    }  # fmt: skip
