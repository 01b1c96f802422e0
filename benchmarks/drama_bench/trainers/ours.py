"""Our trainer."""

from typing import Any

from drama.records import Example
from drama.retriever import Retriever
from drama.train.phases import Phase, TrainData
from drama.train.settings import TrainSettings
from drama.train.trainer import Trainer
from drama_bench.trainers.common import DECAY, MAX_LENGTH, RATE, TEMPERATURE, Clock, Task


def ours(task: Task, fused: bool = True) -> dict[str, Any]:
    """Our trainer with its defaults for speed and memory, but for fused layers where `fused` is off."""
    lengths = {"query_length": MAX_LENGTH, "document_length": MAX_LENGTH}
    values = {
        "steps": task.steps,
        "batch": {"size": task.batch_size, "negatives": 0, **lengths},
        "optimiser": {"learning_rate": RATE, "warmup": 0.0, "weight_decay": DECAY},
        "loss": {"temperature": TEMPERATURE},
        "compute": {"precision": task.precision, "fused": fused},
    }
    settings = TrainSettings.parse(values, "train")
    retriever = Retriever.load(task.folder / "model")
    retriever.backbone.train()
    examples = [
        Example(str(i), query, [str(i)], [], [1.0], [], "pair", origin=str(i))
        for i, (query, _) in enumerate(task.pairs)
    ]
    tokens = retriever.tokens([text for _, text in task.pairs], "document")
    documents = {str(i): ids for i, ids in enumerate(tokens)}
    data = TrainData(examples, retriever.tokens([q for q, _ in task.pairs], "query"), documents)
    phase = Phase(0, task.steps, settings.run_phases[0], data)
    trainer = Trainer(retriever, phase, settings.compute, settings.lora, seed=0)
    clock, losses, real = Clock(), [], []
    for step in range(task.steps):
        event = trainer.step(step)
        clock.tick()
        losses.append(event["loss"])
        real.append(event["tokens"])
    return {"losses": losses, "seconds": clock.seconds(), "tokens": sum(real[1:])}
