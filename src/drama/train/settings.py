"""The `train` section of a recipe."""

from pydantic import Field

from drama.retriever import RetrieverSettings
from drama.settings import Section


class DistillSettings(Section):
    """Learning from the labelling model's vectors beside its ranks. All weights 0: off."""

    kl_weight: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the ranking loss that is KL(teacher ‖ student) over the batch's documents."""
    temperature: float = Field(default=0.05, gt=0.0)
    """Of both distributions in that KL."""
    embedding_weight: float = Field(default=0.0, ge=0.0)
    """Weight of 1 − cos(P·student, teacher) over all texts of the batch; P is learnt and thrown away."""


class TrainSettings(Section):
    """One single-stage contrastive run (paper, section 4)."""

    retriever: RetrieverSettings = RetrieverSettings()
    steps: int = Field(default=200, ge=1)
    batch_size: int = Field(default=64, ge=2)
    """Queries a step; the documents of all of them are each one's negatives."""
    negatives: int = Field(default=1, ge=0)
    """Hard negatives a query, drawn afresh at each visit."""
    query_length: int = Field(default=32, ge=4)
    """Longest query in training, in tokens with BOS and EOS."""
    document_length: int = Field(default=64, ge=4)
    """Longest document in training; the finished model reads `retriever.max_length` tokens."""
    learning_rate: float = Field(default=5e-4, gt=0.0)
    embedding_learning_rate: float = Field(default=0.0, ge=0.0)
    """Of the token embeddings, updated row by row (lazy Adam); 0 freezes them."""
    weight_decay: float = Field(default=0.01, ge=0.0)
    warmup: float = Field(default=0.05, ge=0.0, lt=1.0)
    """Share of the steps in which the learning rate rises; it falls linearly to 0 behind them."""
    clip: float = Field(default=1.0, gt=0.0)
    """Largest gradient norm of the layers."""
    temperature: float = Field(default=0.02, gt=0.0)
    distill: DistillSettings = DistillSettings()
    chunk_tokens: int = Field(default=2048, ge=64)
    """Padded tokens in one forward pass; texts of like length go together."""
    checkpoint_every: int = Field(default=100, ge=1)
