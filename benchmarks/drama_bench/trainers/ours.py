"""Our trainer."""

from typing import Any

from drama.records import Example
from drama.retriever import Retriever
from drama.train.settings import TrainSettings
from drama.train.trainer import TrainData, Trainer
from drama_bench.trainers.common import DECAY, MAX_LENGTH, RATE, TEMPERATURE, Clock, Task


def ours(task: Task) -> dict[str, Any]:
    """Our trainer with its defaults for speed and memory."""
    values = {
        "steps": task.steps, "batch_size": task.batch_size, "negatives": 0, "learning_rate": RATE,
        "temperature": TEMPERATURE, "precision": task.precision, "warmup": 0.0, "weight_decay": DECAY,
        "query_length": MAX_LENGTH, "document_length": MAX_LENGTH,
    }  # fmt: skip
    settings = TrainSettings.parse(values, "train")
    retriever = Retriever.load(task.folder / "model")
    retriever.backbone.train()
    examples = [
        Example(str(i), query, [str(i)], [], [1.0], [], "pair", origin=str(i))
        for i, (query, _) in enumerate(task.pairs)
    ]
    tokens = retriever.tokens([text for _, text in task.pairs], "document")
    documents = {str(i): ids for i, ids in enumerate(tokens)}
    data = TrainData(examples, retriever.tokens([q for q, _ in task.pairs], "query"), documents, None)
    trainer = Trainer(retriever, data, settings, seed=0)
    clock, losses, real = Clock(), [], []
    for step in range(task.steps):
        event = trainer.step(step)
        clock.tick()
        losses.append(event["loss"])
        real.append(event["tokens"])
    return {"losses": losses, "seconds": clock.seconds(), "tokens": sum(real[1:])}
