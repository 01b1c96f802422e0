"""Tevatron's trainers, as far as the registry has them: 0.1.0 (2022), made for transformers 4.

Its trainers, collator and contrastive loss are its own. What it does not have, and this task asks for, is
added in a model of its class: mean pooling, a temperature, several widths, frozen embeddings. What
transformers has changed since is bridged: arguments that its methods do not know, and an attribute that is
gone. Its collator pads every text to the longest that the task has.
"""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F

from drama.retriever import Retriever
from drama_bench.trainers.common import (
    MINI_BATCH,
    TEMPERATURE,
    Task,
    Watch,
    adamw,
    batches,
    trainer_arguments,
)


def tevatron(task: Task, cached: bool) -> dict[str, Any]:
    """Its trainer, on the batches that ours would draw; `cached`: with GradCache, as it offers it."""
    _name_grad_cache()
    from tevatron.arguments import DataArguments, DenseTrainingArguments, ModelArguments
    from tevatron.data import QPCollator
    from tevatron.loss import SimpleContrastiveLoss
    from tevatron.modeling import DenseModel, DenseOutput
    from tevatron.trainer import DenseTrainer, GCTrainer
    from torch.utils.data import SequentialSampler
    from transformers import AutoModel

    retriever = Retriever.load(task.folder / "model")
    dims = retriever.dims
    contrast = SimpleContrastiveLoss()

    def loss_fn(queries_BD: torch.Tensor, documents_BD: torch.Tensor, **_: Any) -> torch.Tensor:
        """InfoNCE at each width."""
        losses = [
            contrast(
                F.normalize(queries_BD[:, :d], dim=1) / TEMPERATURE, F.normalize(documents_BD[:, :d], dim=1)
            )
            for d in dims
        ]
        return torch.stack(losses).mean()

    class Mean(DenseModel):  # type: ignore[misc]
        """Mean of a text's states."""

        def encode_query(self, qry: Any) -> Any:
            if qry is None:
                return None, None
            states_NTD = self.lm_q(**qry, return_dict=True).last_hidden_state
            mask_NT1 = qry["attention_mask"].unsqueeze(-1).to(states_NTD.dtype)
            return states_NTD, (states_NTD * mask_NT1).sum(1) / mask_NT1.sum(1)

        encode_passage = encode_query

        def forward(self, query: Any = None, passage: Any = None) -> Any:
            q_reps, p_reps = self.encode_query(query)[1], self.encode_passage(passage)[1]
            loss = None if q_reps is None or p_reps is None else loss_fn(q_reps, p_reps)
            return DenseOutput(q_reps=q_reps, p_reps=p_reps, loss=loss)

    class InOrder:
        """Mixed into its trainers."""

        scaler = None  # gone from transformers

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(rows)

        def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
            query, passage = inputs
            return model(query=query, passage=passage).loss

    class Plain(InOrder, DenseTrainer):  # type: ignore[misc]
        """Everything in memory at once."""

    class Cached(InOrder, GCTrainer):  # type: ignore[misc]
        """GradCache."""

        def training_step(self, model: Any, inputs: Any, *_: Any) -> Any:
            return super().training_step(model, inputs)

    encoder = AutoModel.from_pretrained(task.folder / "model")
    encoder.get_input_embeddings().weight.requires_grad_(False)
    arguments = DenseTrainingArguments(
        **trainer_arguments(task), remove_unused_columns=False, warmup_ratio=0.0, grad_cache=cached,
        gc_q_chunk_size=MINI_BATCH, gc_p_chunk_size=MINI_BATCH,
    )  # fmt: skip
    model = Mean(
        encoder, encoder, None, ModelArguments("model"), DataArguments(train_n_passages=1), arguments
    )
    order = [row for batch in batches(len(task.pairs), task.batch_size, task.steps) for row in batch]
    queries = retriever.tokens([task.pairs[row][0] for row in order], "query")
    documents = retriever.tokens([task.pairs[row][1] for row in order], "document")
    rows = [({"input_ids": q}, [{"input_ids": d}]) for q, d in zip(queries, documents, strict=True)]
    longest = {"max_q_len": max(map(len, queries)), "max_p_len": max(map(len, documents))}
    watch = Watch()
    trainer = (Cached if cached else Plain)(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=QPCollator(retriever.tokenizer, **longest),
        optimizers=adamw(model, task.steps),
        callbacks=[watch.callback()],
    )
    if cached:
        trainer.gc.loss_fn = loss_fn
    trainer.train()
    timed = [*queries[task.batch_size :], *documents[task.batch_size :]]
    return {"losses": watch.losses, "seconds": watch.clock.seconds(), "tokens": sum(map(len, timed))}


def _name_grad_cache() -> None:
    """The registry's GradCache is called `gradcache`; itself and Tevatron import it as `grad_cache`."""
    found = find_spec("gradcache")
    if found is None or "grad_cache" in sys.modules:
        return
    package = ModuleType("grad_cache")
    package.__path__ = found.submodule_search_locations or []
    sys.modules["grad_cache"] = package
    package.GradCache = importlib.import_module("grad_cache.grad_cache").GradCache  # type: ignore[attr-defined]
