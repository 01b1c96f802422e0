"""sentence-transformers' trainer."""

from typing import Any

from drama.retriever import Retriever, RetrieverSettings
from drama_bench.trainers.common import (
    MAX_LENGTH,
    MINI_BATCH,
    TEMPERATURE,
    Task,
    Watch,
    adamw,
    batches,
    trainer_arguments,
)


def sentence_transformers(task: Task, cached: bool) -> dict[str, Any]:
    """Its trainer and its losses, on the batches that ours would draw."""
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

    model = SentenceTransformer(str(task.folder / "model"), device="cpu")
    model[0].auto_model.get_input_embeddings().weight.requires_grad_(False)
    dims = Retriever.load(task.folder / "model").dims
    inner: Any
    if cached:
        inner = CachedMultipleNegativesRankingLoss(model, scale=1 / TEMPERATURE, mini_batch_size=MINI_BATCH)
    else:
        inner = MultipleNegativesRankingLoss(model, scale=1 / TEMPERATURE)
    loss = MatryoshkaLoss(model, inner, list(dims), matryoshka_weights=[1 / len(dims)] * len(dims))
    rows = [row for batch in batches(len(task.pairs), task.batch_size, task.steps) for row in batch]
    queries = [RetrieverSettings().query_prefix + task.pairs[row][0] for row in rows]
    texts = [task.pairs[row][1] for row in rows]
    watch = Watch()

    class InOrder(SentenceTransformerTrainer):  # type: ignore[misc]
        """Batches in the order of the data."""

        def get_batch_sampler(self, dataset: Any, batch_size: int, drop_last: bool, **_: Any) -> Any:
            return BatchSampler(SequentialSampler(dataset), batch_size, drop_last)

    InOrder(
        model=model,
        args=SentenceTransformerTrainingArguments(**trainer_arguments(task)),
        train_dataset=Dataset.from_dict({"query": queries, "document": texts}),
        loss=loss,
        optimizers=adamw(model, task.steps),
        callbacks=[watch.callback()],
    ).train()
    ids = Retriever.load(task.folder / "model").tokenizer
    timed = [*queries[task.batch_size :], *texts[task.batch_size :]]
    real = sum(map(len, ids(timed, truncation=True, max_length=MAX_LENGTH)["input_ids"]))
    return {"losses": watch.losses, "seconds": watch.clock.seconds(), "tokens": real}
