"""The `prune` section of a recipe."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from drama.compute import Precision
from drama.settings import Section


class CalibrationSettings(Section):
    """Texts on which activations are measured."""

    documents: int = Field(default=64, ge=1)
    max_length: int = Field(default=128, ge=8)
    """Tokens of each."""
    batch_size: int = Field(default=8, ge=1)


class DomainSettings(Section):
    """Languages or corpora of the texts that mask learning and recovery read."""

    by: Literal["lang", "source"] = "lang"
    """What tells passages apart: their language, or their corpus."""
    leave_out: list[str] = []
    """Domains that nothing reads; they are measured only: what does pruning without them cost them?"""
    lost_above: float = Field(default=2.0, gt=1.0)
    """A domain is called lost where the child's perplexity is more than this many times the parent's."""
    start: Literal["data", "even"] = "data"
    """Shares of the batches in the beginning: by rows of text, or the same for all."""
    update_every: int = Field(default=50, ge=0)
    """Steps after which shares move to the domains that lost most; 0 = never. One domain has no shares."""
    held_out_rows: int = Field(default=4, ge=1)
    """Rows of each domain that are measured for it."""


class UpdateSettings(Section):
    """A run of updates on packed rows of the corpus."""

    steps: int = Field(default=0, ge=0)
    """0 = none."""
    batch_size: int = Field(default=8, ge=1)
    """Rows a step."""
    micro_batch: int | None = Field(default=None, ge=1)
    """Rows that a process computes at once; None: all of its rows. The same gradients, less memory."""
    learning_rate: float = Field(default=3e-4, gt=0.0)
    """Of the weights; at its peak."""
    warmup: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of the steps in which the rates rise; they fall linearly to 0 behind them."""
    checkpoint_every: int = Field(default=50, ge=1)
    precision: Precision = "fp32"
    """Of matrix products: `fp32`, `bf16`, or `auto`: bf16 where the processor has it. Weights stay fp32."""
    gradient_checkpointing: bool = False
    """Compute each layer again in the backward pass instead of keeping its activations."""


class ShearingSettings(UpdateSettings):
    """Learning the masks, together with the weights (Sheared LLaMA)."""

    steps: int = Field(default=200, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0.0)
    mask_learning_rate: float = Field(default=1.0, gt=0.0)
    """Of log α."""
    multiplier_learning_rate: float = Field(default=1.0, gt=0.0)
    """Of λ₁ and λ₂, which ascend."""
    ramp: float = Field(default=0.2, ge=0.0, le=1.0)
    """Share of the steps in which the sparsity that is asked for rises from 0 to the shape's."""


class RecoverySettings(UpdateSettings):
    """Continued training of the pruned model on the corpus."""

    max_length: int = Field(default=64, ge=8)
    """Tokens of a packed row, here and in mask learning."""
    kl_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of KL(parent ‖ child) over the vocabulary; the rest is the LM loss."""
    hidden_weight: float = Field(default=0.0, ge=0.0)
    """Weight of 1 − cos between the hidden states that the child's layers and its head read and the kept
    channels of those that the same layers of the parent read."""


class VocabularySettings(Section):
    """Which tokens stay."""

    coverage: float = Field(default=0.999, gt=0.0, le=1.0)
    """Share of the corpus's tokens that stay by frequency; bytes, special tokens and parts come on top."""


class PruneSettings(Section):
    """The parent and the child's shape; a number that is not given stays the parent's."""

    parent: str = "smollm2-135m"
    layers: int | None = Field(default=None, ge=1)
    hidden: int | None = Field(default=None, ge=1)
    heads: int | None = Field(default=None, ge=1)
    kv_heads: int | None = Field(default=None, ge=1)
    intermediate: int | None = Field(default=None, ge=1)
    schedule: list[float] = []
    """Several rounds of pruning and recovery: shares of the parent's parameters without embeddings that are
    left after each round before the last, falling. The last round reaches the shape."""
    tokens: int | None = Field(default=None, ge=1)
    """Tokens that may be read in all, by calibration, mask learning and recovery; they say how many steps
    there are. None: the sections say it."""
    method: Literal["shearing", "importance", "depth", "uniform"] = "importance"
    """What decides which parts stay: learnt masks; activations; activations, and only layers go; even
    spacing."""
    gqa: Literal["kept", "expanded"] = "kept"
    """Heads go in whole kv groups, or one by one after each query head got its own copy of its kv head;
    the child then has `kv_heads == heads`."""
    keep_layers: Literal["importance", "first"] | None = None
    """By 1 − cos(input, output) (the default), or the lowest ones: late layers matter least for retrieval
    (EffiR). Not with `shearing` and `uniform`."""
    vocabulary: VocabularySettings | None = None
    """Cut first, where it is given; not given, all tokens stay."""
    calibration: CalibrationSettings = CalibrationSettings()
    """Not with `shearing` and `uniform`."""
    shearing: ShearingSettings = ShearingSettings()
    """With `shearing` only."""
    shard: bool = False
    """Split the layers of what is trained over torchrun's processes (FSDP2): each holds its part of weights,
    gradients and moments."""
    domains: DomainSettings = DomainSettings()
    recovery: RecoverySettings = RecoverySettings()

    @model_validator(mode="after")
    def _schedule_falls(self) -> Self:
        shares = [1.0, *self.schedule, 0.0]
        if any(after >= before for before, after in pairwise(shares)):
            raise ValueError(
                f"schedule: shares of the parent that are left, each below the one before, between 1 and 0 "
                f"(given: {self.schedule})"
            )
        return self

    @model_validator(mode="after")
    def _steps_are_said_once(self) -> Self:
        for name, default in (("recovery", RecoverySettings()), ("shearing", ShearingSettings())):
            if self.tokens is not None and getattr(self, name).steps != default.steps:
                raise ValueError(f"tokens says how many steps there are: leave {name}.steps out, or tokens")
        return self

    @model_validator(mode="after")
    def _only_what_the_method_reads(self) -> Self:
        if self.method in ("shearing", "uniform"):
            why = "which learns them" if self.method == "shearing" else "which spaces the layers evenly"
            if self.keep_layers is not None:
                raise ValueError(
                    f"keep_layers does not apply to the method '{self.method}', {why}: "
                    "leave it out (or null, over a preset)"
                )
            if self.calibration != CalibrationSettings():
                raise ValueError(
                    f"calibration does not apply to the method '{self.method}', which measures no activations"
                )
        if self.method != "shearing" and self.shearing != ShearingSettings():
            raise ValueError(f"shearing does not apply to the method '{self.method}': leave the section out")
        return self
