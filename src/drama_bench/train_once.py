"""One trainer: `python -m drama_bench.train_once FOLDER NAME BATCH STEPS PRECISION RESULT`."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from drama.records import Example
from drama.retriever import Retriever, RetrieverSettings
from drama.train.settings import TrainSettings
from drama.train.trainer import TrainData, Trainer
from drama.workspace import write_json
from drama.workspace.schedule import schedule

RATE = 1e-4
TEMPERATURE = 0.05
MINI_BATCH = 32
_BETAS = (0.9, 0.98)
_DECAY = 0.01


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


def ours(folder: Path, pairs: list[list[str]], size: int, steps: int, precision: str) -> dict[str, Any]:
    """Our trainer with its defaults for speed and memory."""
    values = {
        "steps": steps, "batch_size": size, "negatives": 0, "learning_rate": RATE, "temperature": TEMPERATURE,
        "precision": precision, "warmup": 0.0, "weight_decay": _DECAY, "query_length": 256,
        "document_length": 256,
    }  # fmt: skip
    settings = TrainSettings.parse(values, "train")
    retriever = Retriever.load(folder / "model")
    retriever.backbone.train()
    examples = [
        Example(str(i), q, [str(i)], [], [1.0], [], "pair", origin=str(i)) for i, (q, _) in enumerate(pairs)
    ]
    tokens = retriever.tokens([text for _, text in pairs], "document")
    documents = {str(i): ids for i, ids in enumerate(tokens)}
    data = TrainData(examples, retriever.tokens([q for q, _ in pairs], "query"), documents, None)
    trainer = Trainer(retriever, data, settings, seed=0)
    clock, losses, real = Clock(), [], []
    for step in range(steps):
        event = trainer.step(step)
        clock.tick()
        losses.append(event["loss"])
        real.append(event["tokens"])
    return {"losses": losses, "seconds": clock.seconds(), "tokens": sum(real[1:])}


def sentence_transformers(
    folder: Path, pairs: list[list[str]], size: int, steps: int, precision: str, cached: bool
) -> dict[str, Any]:
    """sentence-transformers' trainer, on the batches that ours would draw."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import (
        CachedMultipleNegativesRankingLoss,
        MatryoshkaLoss,
        MultipleNegativesRankingLoss,
    )
    from torch.utils.data import BatchSampler, SequentialSampler
    from transformers import TrainerCallback

    model = SentenceTransformer(str(folder / "model"), device="cpu")
    model[0].auto_model.get_input_embeddings().weight.requires_grad_(False)
    dims = Retriever.load(folder / "model").dims
    inner: Any
    if cached:
        inner = CachedMultipleNegativesRankingLoss(model, scale=1 / TEMPERATURE, mini_batch_size=MINI_BATCH)
    else:
        inner = MultipleNegativesRankingLoss(model, scale=1 / TEMPERATURE)
    loss = MatryoshkaLoss(model, inner, list(dims), matryoshka_weights=[1 / len(dims)] * len(dims))
    rows = [row for batch in batches(len(pairs), size, steps) for row in batch]
    prefix = RetrieverSettings().query_prefix
    dataset = Dataset.from_dict(
        {"query": [prefix + pairs[r][0] for r in rows], "document": [pairs[r][1] for r in rows]}
    )
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.dim() > 1], "weight_decay": _DECAY},
            {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
        ],
        lr=RATE,
        betas=_BETAS,
    )
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: schedule(min(step, steps - 1), steps, 0.0)
    )
    clock, losses = Clock(), []

    class Watch(TrainerCallback):  # type: ignore[misc]
        """Step times and losses."""

        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.tick()

        def on_log(self, *args: Any, logs: dict[str, float], **_: Any) -> None:
            if "loss" in logs:
                losses.append(float(logs["loss"]))

    class InOrder(SentenceTransformerTrainer):  # type: ignore[misc]
        """Batches in the order of the data."""

        def get_batch_sampler(self, dataset: Any, batch_size: int, drop_last: bool, **_: Any) -> Any:
            return BatchSampler(SequentialSampler(dataset), batch_size, drop_last)

    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder / "peer"), per_device_train_batch_size=size, max_steps=steps, use_cpu=True,
        logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True, max_grad_norm=1.0,
        bf16=precision == "bf16",
    )  # fmt: skip
    InOrder(
        model=model, args=arguments, train_dataset=dataset, loss=loss, optimizers=(optimiser, rates),
        callbacks=[Watch()],
    ).train()  # fmt: skip
    ids = Retriever.load(folder / "model").tokenizer
    texts = [prefix + pairs[r][0] for r in rows[size:]] + [pairs[r][1] for r in rows[size:]]
    real = sum(map(len, ids(texts, truncation=True, max_length=256)["input_ids"]))
    return {"losses": losses, "seconds": clock.seconds(), "tokens": real}


def batches(total: int, size: int, steps: int) -> Iterator[list[int]]:
    """Rows of each step, as our trainer draws them with seed 0."""
    from drama.train.batches import draw_batch

    rows = [Example(str(i), "", [str(i)], [], [1.0], [], "pair", origin=str(i)) for i in range(total)]
    for step in range(steps):
        yield draw_batch(rows, size, 0, 0, step).examples


def main() -> None:
    """Run one trainer and write its figures."""
    folder, name, size, steps, precision, result = sys.argv[1:]
    pairs = json.loads((Path(folder) / "pairs.json").read_text(encoding="utf-8"))
    how = (Path(folder), pairs, int(size), int(steps), precision)
    figures = ours(*how) if name == "drama" else sentence_transformers(*how, cached="cached" in name)
    timed = int(size) * (int(steps) - 1)
    figures["pairs_per_second"] = round(timed / figures["seconds"], 4)
    figures["tokens_per_second"] = round(figures["tokens"] / figures["seconds"], 1)
    figures["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    write_json(Path(result), figures)


if __name__ == "__main__":
    main()
