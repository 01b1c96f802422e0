"""Settings of what is learnt on the corpus: updates, recovery, domains."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, ValidationInfo, field_validator

from drama.compute import Precision
from drama.language import normalise_language
from drama.settings import SAME_RESULT, Section


class UpdateSettings(Section):
    """A run of updates on packed rows of the corpus."""

    steps: int = Field(default=0, ge=0)
    """Number of updates; 0: none."""
    batch_size: int = Field(default=8, ge=1)
    """Rows in a step."""
    micro_batch: Annotated[int | None, SAME_RESULT] = Field(default=None, ge=1)
    """Rows that a process computes at once; none: all of its rows. The same gradients, less memory."""
    learning_rate: float = Field(default=3e-4, gt=0.0)
    """Peak learning rate of the weights."""
    warmup: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of the steps in which the rates rise; afterwards they fall linearly to 0."""
    checkpoint_every: Annotated[int, SAME_RESULT] = Field(default=50, ge=1)
    """Steps between checkpoints."""
    shares_every: int = Field(default=50, ge=0)
    """Steps between updates of the domains' shares; 0: never. A single domain has no shares."""
    precision: Precision = "fp32"
    """Precision of matrix products: `fp32`, `bf16`, or `auto`: bf16 where the hardware has it. Weights stay
    fp32."""
    gradient_checkpointing: Annotated[bool, SAME_RESULT] = False
    """Recompute each layer in the backward pass instead of keeping its activations."""


class RecoverySettings(UpdateSettings):
    """Continued training of the pruned model on the corpus."""

    shares_every: int = Field(default=400, ge=0)
    """Steps between updates of the domains' shares; 0: never. A single domain has no shares."""
    max_length: int = Field(default=64, ge=8)
    """Tokens of a packed row, here and in mask learning."""
    kl_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of KL(parent ‖ child) over the vocabulary; the rest is the LM loss."""
    hidden_weight: float = Field(default=0.0, ge=0.0)
    """Weight of 1 − cos between the inputs of the child's layers and head and the same channels of the
    parent's."""


class DomainSettings(Section):
    """Languages or corpora of the texts that mask learning and recovery read."""

    moved = {
        "lost_above": "",
        "update_every": "prune.shearing.shares_every and prune.recovery.shares_every",
    }

    by: Literal["lang", "source"] = "lang"
    """Passages are split into domains by their language, or by their corpus."""
    leave_out: list[str] = []
    """Domains that are only measured and never read: how much does pruning without them cost them?"""
    start: Literal["data", "even"] | dict[str, PositiveFloat] = "data"
    """First shares of the batches: by rows of text, the same for all domains, or one number for each domain,
    in any unit."""
    references: dict[str, PositiveFloat] = {}
    """Loss a token (natural log) that each domain is to reach. For those not named, the parent's own times
    `reference_scale`."""
    reference_scale: float = Field(default=1.0, gt=0.0)
    """How many times the parent's loss is to be reached; above 1 where the child is too small for 1."""
    largest_share: float = Field(default=0.6, gt=0.0, le=1.0)
    """No domain's share rises above this, or above its first share where that is larger."""
    held_out_rows: int = Field(default=4, ge=1)
    """Rows of each domain that are measured for an update."""

    @field_validator("leave_out", "start", "references")
    @classmethod
    def _languages(cls, names: Any, info: ValidationInfo) -> Any:
        if info.data.get("by") != "lang" or isinstance(names, str):
            return names
        if isinstance(names, dict):
            return {normalise_language(name): value for name, value in names.items()}
        return [normalise_language(name) for name in names]
