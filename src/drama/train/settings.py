"""The `train` section of a recipe; its own sections are next to the code that reads them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from drama.compute import Precision
from drama.retriever import RetrieverSettings
from drama.settings import SAME_RESULT, SameResult, Section
from drama.train.batches.settings import BatchSettings
from drama.train.examples import LeakSettings
from drama.train.losses.settings import LossSettings
from drama.train.static_settings import StaticSettings
from drama.train.validation.settings import ValidationSettings
from drama.workspace import Needs


class OptimiserSettings(Section):
    """Learning rates and their schedule: linear warm-up, then linear decay to 0."""

    learning_rate: float = Field(default=5e-4, gt=0.0)
    """Peak learning rate of the layers."""
    embedding_learning_rate: float = Field(default=0.0, ge=0.0)
    """Peak learning rate of the token embeddings, updated row by row (lazy Adam); 0 freezes them."""
    weight_decay: float = Field(default=0.01, ge=0.0)
    """Weight decay of the layers' matrices; vectors have none."""
    warmup: float = Field(default=0.05, ge=0.0, lt=1.0)
    """Share of the steps in which the learning rate rises; after them it falls linearly to 0."""
    clip: float = Field(default=1.0, gt=0.0)
    """Largest gradient norm of the layers."""


class ComputeSettings(Section):
    """Speed and memory; the results are the same to rounding."""

    precision: Precision = "auto"
    """Precision of matrix products: `fp32`, `bf16`, or `auto` (bf16 where the hardware has it). Weights stay
    fp32."""
    padding_free: Annotated[bool, SAME_RESULT] = True
    """Texts end to end in one row; off: side by side, padded. The same vectors, more slowly."""
    fused: Annotated[bool, SAME_RESULT] = True
    """Layers with a hand-written backward pass (Llama, Mistral, Qwen2 on a CPU); the same numbers."""
    gradient_checkpointing: Annotated[bool, SAME_RESULT] = False
    """Keep only each layer's input and compute the layer again in the backward pass."""
    chunk_tokens: Annotated[int, SAME_RESULT] = Field(default=1024, ge=64)
    """Tokens in one forward pass; texts of similar length go together."""
    kept_tokens: Annotated[int, SAME_RESULT] = Field(default=12288, ge=0)
    """Tokens of a batch whose activations are kept for the backward pass. Texts beyond are computed twice
    (gradient caching), so that memory does not grow with the batch."""
    shard: Annotated[bool, SAME_RESULT] = False
    """Shard the layers over the processes (FSDP2): for a model that does not fit into one's memory."""


class LoraSettings(Section):
    """Low-rank factors of linear layers; no dropout, since texts may be computed twice in a step."""

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0.0)
    """The factors' product is scaled by alpha / rank."""
    targets: list[str] = []
    """Names of the layers (`q_proj`, `v_proj`, …); empty: every linear layer of the backbone."""


class PhaseSettings(Section):
    """One part of a run in several phases; keys missing in `batch`, `optimiser`, `loss` come from `train`."""

    moved: ClassVar[Mapping[str, str]] = {
        "batch_size": "batch.size in the phase",
        "unweighted": "batch.weights: null in the phase",
        "positives": "",
        **{k: f"batch.{k} in the phase" for k in ("negatives", "document_length", "weights")},
        **{k: f"optimiser.{k} in the phase" for k in ("learning_rate", "embedding_learning_rate")},
        **{k: f"loss.{k} in the phase" for k in ("temperature", "distill")},
    }

    share: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the steps; the shares of all phases add up to 1."""
    kinds: list[str] = []
    """Kinds of examples it trains on; empty: all."""
    batch: BatchSettings = BatchSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    loss: LossSettings = LossSettings()


def _completed(phase: Any, train: Mapping[str, Any]) -> Any:
    """A phase as it was written, with the keys of `train` where its sections have none of their own.

    >>> _completed({"batch": {"negatives": 0}}, {"batch": {"size": 8, "negatives": 3}})
    {'batch': {'size': 8, 'negatives': 0}}
    """
    if not isinstance(phase, dict):
        return phase
    found = dict(phase)
    for name in ("batch", "optimiser", "loss"):
        under, over = train.get(name), phase.get(name, {})
        if isinstance(under, dict) and isinstance(over, dict):
            found[name] = under | over
        elif under is not None:
            found.setdefault(name, under)
    return found


def phase_ends(phases: Sequence[PhaseSettings], steps: int) -> list[int]:
    """Steps done at the end of each phase.

    >>> phase_ends([PhaseSettings(share=0.34), PhaseSettings(share=0.66)], 10)
    [3, 10]
    """
    return [round(steps * sum(p.share for p in phases[: i + 1])) for i in range(len(phases))]


class TrainSettings(Section):
    """One contrastive run (paper, section 4), in a single stage or in several phases."""

    moved: ClassVar[Mapping[str, str]] = {
        "batch_size": "train.batch.size",
        "batch_by": "train.batch.by",
        "both_directions": "document_to_query in train.loss.directions",
        "query_query": "query_to_query in train.loss.directions",
        "document_document": "document_to_document in train.loss.directions",
        **{
            k: f"train.batch.{k}" for k in ("negatives", "query_length", "document_length", "weights", "long")
        },
        **{k: f"train.loss.{k}" for k in ("temperature", "temperature_learning_rate", "distill")},
        **{k: f"train.optimiser.{k}" for k in OptimiserSettings.model_fields},
        **{k: f"train.compute.{k}" for k in ComputeSettings.model_fields},
        **dict.fromkeys(("positives", "curriculum", "compile"), ""),
    }

    retriever: RetrieverSettings = RetrieverSettings()
    """How texts become vectors; saved with the model."""
    steps: int = Field(default=200, ge=0)
    """Number of updates. 0: the model is the start, with `static` or `lexical` where they are set."""
    static: StaticSettings | None = None
    """Fit a student without layers (`prune.shape.layers: 0`) to the teacher's vectors in closed form; with
    `steps: 0`."""
    batch: BatchSettings = BatchSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    loss: LossSettings = LossSettings()
    phases: list[PhaseSettings] = []
    """Parts of the run, each with its own schedule and optimiser; empty: a single one."""
    validation: ValidationSettings | None = None
    """Measures during training, on data that is not trained on."""
    leaks: LeakSettings | None = None
    """Judged collections whose queries must not be among the training queries."""
    compute: ComputeSettings = ComputeSettings()
    lora: LoraSettings | None = None
    """Train low-rank factors instead of the layers, merged at the end (the extra `lora`)."""
    average: int = Field(default=1, ge=1)
    """The model is the mean of the last weights and of those at the last `average` − 1 checkpoints."""
    checkpoint_every: Annotated[int, SameResult(unless=lambda train: train.average > 1)] = Field(
        default=100, ge=1
    )
    """Steps between two checkpoints; a resumed run starts from the last one."""
    tensorboard: Annotated[bool, SAME_RESULT] = False
    """Write the numbers of `events.jsonl` for TensorBoard too (the extra `tensorboard`)."""

    @model_validator(mode="before")
    @classmethod
    def _complete_phases(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("phases"), list):
            return values | {"phases": [_completed(phase, values) for phase in values["phases"]]}
        return values

    @model_validator(mode="after")
    def _static_takes_no_steps(self) -> Self:
        if self.static is not None and self.steps > 0:
            raise ValueError(f"static: fitted in closed form, and steps is {self.steps}; set steps: 0")
        return self

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        longest = {
            "query_length": self.longest_query,
            "document_length": max(phase.batch.document_length for phase in self.run_phases),
            "long.document_length": self.longest_document,
        }
        for name, length in longest.items():
            if length > self.retriever.max_length:
                raise ValueError(
                    f"batch.{name}: {length} is more than the finished model reads, retriever.max_length "
                    f"({self.retriever.max_length}); raise that, or lower this"
                )
        return self

    @model_validator(mode="after")
    def _distillation_fits(self) -> Self:
        phases = self.run_phases
        if any(phase.loss.distill.space != self.loss.distill.space for phase in phases):
            raise ValueError(
                "phases: all have the same space; set loss.distill.space in train, or the same in each phase"
            )
        scored = [phase for phase in phases if phase.loss.distill.scores_weight > 0]
        if scored and all(phase.batch.negatives == 0 for phase in scored):
            raise ValueError(
                "loss.distill.scores_weight: one document a query leaves nothing to compare; "
                "set batch.negatives above 0"
            )
        return self

    @model_validator(mode="after")
    def _phases_fit(self) -> Self:
        if abs(sum(phase.share for phase in self.run_phases) - 1.0) > 1e-6:
            raise ValueError("phases: their shares must add up to 1")
        ends = phase_ends(self.run_phases, self.steps)
        if self.steps and any(end <= first for first, end in zip([0, *ends], ends, strict=False)):
            raise ValueError(f"phases: {self.steps} steps are too few for their shares")
        return self

    @model_validator(mode="after")
    def _average_fits(self) -> Self:
        if self.average > 1 and self.lora is not None:
            raise ValueError("average: the mean of LoRA's factors is not that of the models; leave one out")
        if self.average > 1 and self.validation is not None and self.validation.keep == "best":
            raise ValueError("average: there is no mean of the best weights; set validation.keep: last")
        if max(0, self.steps - 1) // self.checkpoint_every < self.average - 1:
            raise ValueError("average: more than the number of checkpoints; lower checkpoint_every")
        return self

    @property
    def run_phases(self) -> list[PhaseSettings]:
        """The phases; the whole run as one where none are given."""
        whole = PhaseSettings(batch=self.batch, optimiser=self.optimiser, loss=self.loss)
        return self.phases or [whole]

    @property
    def longest_query(self) -> int:
        """Tokens of the longest query of any batch."""
        return max(phase.batch.query_length for phase in self.run_phases)

    @property
    def longest_document(self) -> int:
        """Tokens of the longest document of any batch."""
        return max(phase.batch.longest_document for phase in self.run_phases)

    @property
    def needs_vectors(self) -> bool:
        """Whether the closed form, or any phase, needs the teacher's vectors."""
        return self.static is not None or any(phase.loss.distill.needs_vectors for phase in self.run_phases)

    @property
    def reads_labels(self) -> bool:
        """Whether anything that augmentation makes is used."""
        return self.steps > 0 or self.static is not None

    def needs(self) -> Needs:
        """Optional libraries, the collection to validate on, and judgments that must not be trained on."""
        validation, leaks = self.validation, self.leaks
        wanted = {("peft", "lora"): self.lora, ("tensorboardX", "tensorboard"): self.tensorboard}
        collection = validation.collection if validation else None
        return Needs(
            extras=[extra for extra, setting in wanted.items() if setting],
            collections=[(collection, validation.split)] if validation and collection else [],
            judgments=[(place, leaks.split) for place in leaks.collections] if leaks else [],
        )
