"""The `train` section of a recipe."""

from typing import Literal, Self

from pydantic import Field, model_validator

from drama.compute import TrainPrecision
from drama.retriever import RetrieverSettings
from drama.settings import Section
from drama.train.batches.weights import WeightSettings
from drama.train.leaks import LeakSettings
from drama.train.lora import LoraSettings
from drama.train.validation.settings import ValidationSettings


class DistillSettings(Section):
    """Learning from the labelling model's vectors beside its ranks. All weights 0: off."""

    space: Literal["own", "teacher"] = "own"
    """`teacher`: a linear head, part of the finished model, puts its vectors into the teacher's space."""
    kl_weight: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the ranking loss that is KL(teacher ‖ student) over the batch's documents."""
    corpus_weight: float = Field(default=0.0, ge=0.0)
    """Weight of the same KL of each query over the teacher's vectors of the corpus (`space: teacher`)."""
    corpus_documents: int = Field(default=8192, ge=2)
    """Documents in that KL, by a seeded choice where the corpus has more."""
    temperature: float = Field(default=0.05, gt=0.0)
    """Of both distributions in these KLs."""
    embedding_weight: float = Field(default=0.0, ge=0.0)
    """Weight of 1 − cos(student, teacher) over all texts of the batch. In its own space the student is
    projected for it by a matrix that is learnt and thrown away."""

    margin_weight: float = Field(default=0.0, ge=0.0)
    """Weight of the mean squared error of (positive's cosine − negative's cosine) against the teacher's."""
    scores_weight: float = Field(default=0.0, ge=0.0)
    """Weight of KL(labels ‖ student) over each query's drawn documents, by the examples' scores: no vectors
    are needed."""
    scores_temperature: float = Field(default=1.0, gt=0.0)
    """What the examples' scores are divided by in this KL, whatever their unit is; the student's cosines are
    divided by `train.temperature`."""
    false_negative_margin: float | None = None
    """Documents that the teacher finds as near to the query as its positive, less this, are no negatives.
    None: only known positives are left out."""

    @property
    def on(self) -> bool:
        """Whether anything here needs the teacher's vectors."""
        weights = (self.kl_weight, self.corpus_weight, self.embedding_weight, self.margin_weight)
        return self.space == "teacher" or max(weights) > 0 or self.false_negative_margin is not None

    @model_validator(mode="after")
    def _corpus_needs_the_space(self) -> Self:
        if self.corpus_weight > 0 and self.space != "teacher":
            raise ValueError("corpus_weight compares with the teacher's vectors: it needs space: teacher")
        return self


class LongSettings(Section):
    """A share of the batches with longer documents, and fewer of them."""

    share: float = Field(gt=0.0, le=1.0)
    """Share of the steps, evenly spread."""
    document_length: int = Field(ge=4)
    """Longest document of these batches, in tokens."""
    batch_size: int = Field(ge=2)
    """Queries of these batches, drawn from those with a positive longer than `train.document_length`."""


class CurriculumSettings(Section):
    """Documents that grow longer: linearly, up to `train.document_length`."""

    start_length: int = Field(ge=4)
    """Longest document at the first step, in tokens."""
    share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Share of the steps after which the full length is reached."""

    def length(self, step: int, steps: int, full: int) -> int:
        """Longest document of a step.

        >>> curriculum = CurriculumSettings(start_length=20, share=0.5)
        >>> [curriculum.length(step, 40, 60) for step in (0, 10, 20, 39)]
        [20, 40, 60, 60]
        """
        way = min(1.0, step / (self.share * steps))
        return round(self.start_length + way * (full - self.start_length))


class PhaseSettings(Section):
    """One part of a run that is made in several: what differs in it; the rest is the section's. A key here
    takes the place of the section's as a whole."""

    share: float = Field(gt=0.0, le=1.0)
    """Of the steps; the shares of all phases make 1."""
    kinds: list[str] = []
    """Kinds of examples it trains on; empty: all."""
    batch_size: int | None = Field(default=None, ge=2)
    negatives: int | None = Field(default=None, ge=0)
    positives: int | None = Field(default=None, ge=1)
    document_length: int | None = Field(default=None, ge=4)
    learning_rate: float | None = Field(default=None, gt=0.0)
    embedding_learning_rate: float | None = Field(default=None, ge=0.0)
    temperature: float | None = Field(default=None, gt=0.0)
    weights: WeightSettings | None = None
    unweighted: bool = False
    """The examples as they come, though the section has weights."""
    distill: DistillSettings | None = None


class TrainSettings(Section):
    """One contrastive run (paper, section 4), in a single stage or in several phases."""

    retriever: RetrieverSettings = RetrieverSettings()
    steps: int = Field(default=200, ge=1)
    batch_size: int = Field(default=64, ge=2)
    """Queries a step; the documents of all of them are each one's negatives."""
    negatives: int = Field(default=1, ge=0)
    """Hard negatives a query, drawn afresh at each visit."""
    positives: int = Field(default=1, ge=1)
    """Positives a query, drawn afresh; of several none is a negative of the others."""
    query_length: int = Field(default=32, ge=4)
    """Longest query in training, in tokens with BOS and EOS."""
    document_length: int = Field(default=64, ge=4)
    """Longest document in training; the finished model reads `retriever.max_length` tokens."""
    batch_by: list[Literal["kind", "source", "lang"]] = []
    """What the examples of a batch agree in."""
    weights: WeightSettings | None = None
    """Shares of sources, kinds or languages: of each batch, or of the batches where `batch_by` parts them."""
    curriculum: CurriculumSettings | None = None
    long: LongSettings | None = None
    learning_rate: float = Field(default=5e-4, gt=0.0)
    embedding_learning_rate: float = Field(default=0.0, ge=0.0)
    """Of the token embeddings, updated row by row (lazy Adam); 0 freezes them."""
    weight_decay: float = Field(default=0.01, ge=0.0)
    warmup: float = Field(default=0.05, ge=0.0, lt=1.0)
    """Share of the steps in which the learning rate rises; it falls linearly to 0 behind them."""
    clip: float = Field(default=1.0, gt=0.0)
    """Largest gradient norm of the layers."""
    temperature: float = Field(default=0.02, gt=0.0)
    temperature_learning_rate: float = Field(default=0.0, ge=0.0)
    """Above 0 the temperature is learnt (its logarithm, at this rate), from the value above."""
    both_directions: bool = False
    """InfoNCE from documents to queries too, in equal parts."""
    query_query: bool = False
    """The batch's other queries are negatives of a query too."""
    document_document: bool = False
    """Documents that lie near a query's positive count against it as if they lay near the query."""
    distill: DistillSettings = DistillSettings()
    validation: ValidationSettings | None = None
    """Measures while training, on what is not trained on."""
    leaks: LeakSettings | None = None
    """Judged collections whose queries must not be among the training queries."""
    precision: TrainPrecision = "auto"
    """Of matrix products: `fp32`, `bf16`, `fp16` (the loss is scaled for it), or `auto`: bf16 where the
    processor has it. Weights stay fp32."""
    padding_free: bool = True
    """Texts end to end in one row; off: side by side, padded. The same vectors, more slowly."""
    fused: bool = True
    """Layers with a hand-written backward pass (Llama, Mistral, Qwen2 on a CPU); the same numbers."""
    gradient_checkpointing: bool = False
    """Keep only each layer's input and compute the layer again in the backward pass."""
    compile: bool = False
    """Compile the layers (torch.compile); of the padded path only."""
    chunk_tokens: int = Field(default=1024, ge=64)
    """Tokens in one forward pass; texts of like length go together."""
    kept_tokens: int = Field(default=12288, ge=0)
    """Tokens of a batch whose activations are kept for the backward pass. Texts beyond are computed twice
    (gradient caching), so that memory does not grow with the batch."""
    phases: list[PhaseSettings] = []
    """Parts of the run, each with a schedule and an optimiser of its own; empty: one."""
    lora: LoraSettings | None = None
    """Train low-rank factors instead of the layers, merged at the end (the extra `lora`)."""
    shard: bool = False
    """Split the layers over the processes (FSDP2): for a model that does not fit into one's memory."""
    average: int = Field(default=1, ge=1)
    """The model is the mean of the last weights and of those at the last `average` − 1 checkpoints."""
    checkpoint_every: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        for part in self._parts():
            if self.curriculum is not None and self.curriculum.start_length > part.document_length:
                raise ValueError("curriculum.start_length is above document_length")
            if self.long is not None and self.long.document_length <= part.document_length:
                raise ValueError("long.document_length is not above document_length")
        longest = {
            "query_length": self.query_length,
            "document_length": max(part.document_length for part in self._parts()),
            "long.document_length": 0 if self.long is None else self.long.document_length,
        }
        for name, length in longest.items():
            if length > self.retriever.max_length:
                raise ValueError(
                    f"{name}: {length} is more than the finished model reads, retriever.max_length "
                    f"({self.retriever.max_length}); raise that, or lower this"
                )
        return self

    @model_validator(mode="after")
    def _distillation_fits(self) -> Self:
        parts = self._parts()
        if any(part.distill.space != self.distill.space for part in parts):
            raise ValueError(
                "phases: the vectors' space is the model's; give each the distill.space of train"
            )
        scored = [part for part in parts if part.distill.scores_weight > 0]
        if scored and all(part.positives + part.negatives < 2 for part in scored):
            raise ValueError(
                "distill.scores_weight: one document a query leaves nothing to compare; "
                "set negatives above 0, or positives above 1"
            )
        return self

    @model_validator(mode="after")
    def _compiled_layers_are_padded(self) -> Self:
        if not self.compile:
            return self
        if self.padding_free:
            raise ValueError("compile: attention text by text can't be compiled; set padding_free: false")
        switches = {
            "gradient_checkpointing": self.gradient_checkpointing,
            "lora": self.lora is not None,
            "shard": self.shard,
        }
        if together := [name for name, on in switches.items() if on]:
            raise ValueError(f"compile: not together with {', '.join(together)}; leave one out")
        return self

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        for weights in (self.weights, *(phase.weights for phase in self.phases)):
            if weights is not None and self.batch_by and weights.by not in self.batch_by:
                raise ValueError(
                    f"weights: batches that agree in {self.batch_by} can't be weighed by {weights.by}"
                )
        for phase in self.phases:
            if phase.unweighted and (self.weights is None or phase.weights is not None):
                raise ValueError(
                    "phases: unweighted leaves out the weights of train; there are none, or others"
                )
        return self

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        if self.phases and abs(sum(phase.share for phase in self.phases) - 1.0) > 1e-6:
            raise ValueError("phases: their shares must make 1")
        if any(end <= first for first, end, _ in self.phase_steps()):
            raise ValueError(f"phases: {self.steps} steps are too few for their shares")
        if self.average > 1 and self.lora is not None:
            raise ValueError("average: the mean of LoRA's factors is not that of the models; leave one out")
        if self.average > 1 and self.validation is not None and self.validation.keep == "best":
            raise ValueError("average: there is no mean of the best weights; set validation.keep: last")
        if (self.steps - 1) // self.checkpoint_every < self.average - 1:
            raise ValueError("average: more than there are checkpoints; lower checkpoint_every")
        return self

    def phase_steps(self) -> list[tuple[int, int, PhaseSettings]]:
        """(first step, step behind the last, phase) of each phase.

        >>> two = TrainSettings(steps=10, phases=[PhaseSettings(share=0.34), PhaseSettings(share=0.66)])
        >>> [(first, end) for first, end, _ in two.phase_steps()]
        [(0, 3), (3, 10)]
        """
        phases = self.phases or [PhaseSettings(share=1.0)]
        ends = [round(self.steps * sum(p.share for p in phases[: i + 1])) for i in range(len(phases))]
        return list(zip([0, *ends[:-1]], ends, phases, strict=True))

    def of_phase(self, phase: PhaseSettings, steps: int) -> Self:
        """This section as the phase has it."""
        here = ("share", "kinds", "unweighted")
        own = {name: value for name, value in phase if name not in here and value is not None}
        own |= {"weights": None} if phase.unweighted else {}
        return self.model_copy(update={**own, "steps": steps, "phases": []})

    def _parts(self) -> list[Self]:
        """This section as each phase has it."""
        return [self.of_phase(phase, end - first) for first, end, phase in self.phase_steps()]

    @property
    def longest_document(self) -> int:
        """Tokens of the longest document of any batch."""
        lengths = [part.document_length for part in self._parts()]
        return max(lengths if self.long is None else [*lengths, self.long.document_length])

    @property
    def needs_vectors(self) -> bool:
        """Whether any phase needs the teacher's vectors."""
        return any(part.distill.on for part in self._parts())
