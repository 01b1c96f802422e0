"""The `prune` section of a recipe."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from drama.errors import DramaError
from drama.prune.learn.settings import DomainSettings, RecoverySettings
from drama.prune.methods import METHODS
from drama.prune.methods.shearing.settings import ShearingSettings
from drama.prune.shape.shape import GQA, ShapeSettings
from drama.prune.text.settings import CalibrationSettings
from drama.prune.vocabulary.settings import VocabularySettings
from drama.settings import SAME_RESULT, Section
from drama.workspace import Needs

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(METHODS)]


class PruneSettings(Section):
    """The parent, the child's shape, and how to get there."""

    moved = {
        **{key: f"prune.shape.{key}" for key in ShapeSettings.model_fields},
        "keep_layers": "prune.method: first (the lowest layers) or importance",
    }

    parent: str = "smollm2-135m"
    """A causal LM: folder, short name, GGUF file or hub id. Or an encoder (BERT and its like, with mean
    pooling), of which the lowest `shape.layers` layers are kept, with `method: first`."""
    shape: ShapeSettings = ShapeSettings()
    schedule: list[float] = []
    """Several rounds of pruning and recovery: falling shares of the parent's parameters without embeddings
    that are left after each round but the last, which reaches the shape."""
    tokens: int | None = Field(default=None, ge=1)
    """Tokens that calibration, mask learning and recovery may read in all; they set the numbers of steps.
    None: `shearing.steps` and `recovery.steps` do."""
    method: MethodName = "importance"
    """What decides which parts stay: learnt masks; activations; activations, but the lowest layers;
    activations, and only layers are dropped; even spacing."""
    gqa: GQA = "kept"
    """Whether whole kv groups are removed, or single heads after each query head got its own copy of its kv
    head; the child then has `kv_heads == heads`."""
    vocabulary: VocabularySettings | None = None
    """Which tokens stay; the others are cut before anything is scored. None: all stay."""
    calibration: CalibrationSettings = CalibrationSettings()
    """Texts on which activations are measured; with `importance`, `first` and `depth` only."""
    shearing: ShearingSettings = ShearingSettings()
    """How masks are learnt; with `shearing` only."""
    shard: Annotated[bool, SAME_RESULT] = False
    """Split the layers of what is trained over torchrun's processes (FSDP2): each holds its shard of weights,
    gradients and moments."""
    domains: DomainSettings = DomainSettings()
    recovery: RecoverySettings = RecoverySettings()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        shares = [1.0, *self.schedule, 0.0]
        if any(after >= before for before, after in pairwise(shares)):
            raise ValueError(
                f"schedule: the shares must fall, each below the one before it, between 1 and 0 "
                f"(given: {self.schedule})"
            )
        for name, default in (("recovery", RecoverySettings()), ("shearing", ShearingSettings())):
            if self.tokens is not None and getattr(self, name).steps != default.steps:
                raise ValueError(f"tokens sets the number of steps: leave {name}.steps out, or tokens")
        method = METHODS[self.method]
        if not method.reads_calibration and self.calibration != CalibrationSettings():
            raise ValueError(
                f"calibration does not apply to the method '{self.method}', which measures no activations"
            )
        if not method.learns and self.shearing != ShearingSettings():
            raise ValueError(f"shearing does not apply to the method '{self.method}': leave the section out")
        return self

    def needs(self) -> Needs:
        """The parent."""
        return Needs(models=[self.parent])

    def refuse_beyond_layers(self, whose: str, because: str) -> None:
        """Refuse every setting but the parent and the number of its lowest layers.

        Args:
            whose: what such settings are for: `an LLM`.
            because: why there is none: `the parent is an encoder (bert)`.

        Raises:
            DramaError: another method, or a setting that is not the default.
        """
        if self.method != "first":
            raise DramaError(
                f"prune.method: {self.method} is for {whose}, and {because}", hint="set prune.method: first"
            )
        default = type(self)(parent=self.parent, method="first")
        set_here = [n for n in type(self).model_fields if getattr(self, n) != getattr(default, n)]
        beyond = [name for name in set_here if name != "shape"]
        beyond += [f"shape.{name}" for name, size in self.shape if name != "layers" and size is not None]
        if beyond:
            name = beyond[0]
            raise DramaError(f"prune.{name} is for {whose}, and {because}", hint=f"leave prune.{name} out")
