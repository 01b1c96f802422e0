"""The `augment` section of a recipe."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from drama.compute import Precision
from drama.llm import Sampling, ServerSettings, is_server, is_vllm, model_of, server_address
from drama.search import BM25_NAME, FITTED
from drama.settings import Section
from drama.workers import RaySettings

KINDS = ("sent", "title", "qgen", "rerank", "triplet", "supervised")
"""How a row's query and labels were made."""

LanguageCheck = Literal["detector", "script", "none"]
"""How an LLM's text is held against the language it should be in."""

MOST_LETTERS = 26
"""Passages that single letters can name."""


def _no_precision_of_a_server(llm: str, precision: Precision) -> None:
    if is_server(llm) and precision != "auto":
        raise ValueError(f"precision {precision} is for an LLM in this process; a server has its own")


class CropSettings(Section):
    """Sentences of a document as queries (paper, section 3: Sent)."""

    per_document: int = Field(default=1, ge=0)
    """Random sentences a document; 0 = none."""
    min_words: int = Field(default=5, ge=1)
    max_words: int = Field(default=40, ge=1)
    """Longer sentences are split into pieces of so many words."""
    titles: bool = False
    """A document's title is a query too, if it has `min_words`."""

    @model_validator(mode="after")
    def _words_in_order(self) -> Self:
        if self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} is above max_words {self.max_words}")
        return self


class SynthesizeSettings(Section):
    """Queries that an instruction-following LLM writes (paper, section 3: QGen)."""

    documents: int = Field(default=0, ge=0)
    """How many documents get a query, by a seeded choice; 0 = none."""
    llm: str = "smollm2-135m"
    """A model for this process, or a server's: `http://localhost:8000/v1#model-name`."""
    precision: Precision = "auto"
    """Of an LLM in this process: `fp32`, `bf16`, or `auto`: bf16 where the processor has it."""
    prompts: list[str] = ["question"]
    """One query for each, of every chosen document: `question`, `question-any-language`, `keyword`, `claim`,
    `title`, `code`, `search-agent` (after the paper's), or the path of a YAML file."""
    batch_size: int = Field(default=32, ge=1)
    text_words: int = Field(default=100, ge=8)
    """Words of a document that the LLM reads."""
    round_trip: int = Field(default=0, ge=0)
    """Drop a query whose document is not among the first so many hits of the label retrievers; 0 = keep."""
    language_check: LanguageCheck = "detector"
    """`script`: no letter of the document's script; `detector`: that, or surely another language."""
    sampling: Sampling = Sampling()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _no_precision_of_a_server(self.llm, self.precision)
        stems = [Path(name).stem for name in self.prompts]
        if not stems or len({*stems}) < len(stems):
            raise ValueError(f"prompts must name each prompt once, and one at least: {self.prompts}")
        return self


class TripletSettings(Section):
    """Queries with passages that an LLM makes up (paper, section 3: Triplet)."""

    count: int = Field(default=0, ge=0)
    """How many are asked for in each language; 0 = none."""
    languages: list[str] = ["en"]
    llm: str = "smollm2-135m"
    """As in `synthesize`."""
    precision: Precision = "auto"
    """As in `synthesize`."""
    prompt: str = "triplet"
    """Or the path of a YAML file."""
    batch_size: int = Field(default=8, ge=1)
    language_check: Literal["detector", "none"] = "detector"
    """What is surely in another language than asked for is left out."""
    sampling: Sampling = Sampling(max_new_tokens=512)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _no_precision_of_a_server(self.llm, self.precision)
        if not all(self.languages) or not self.languages or len({*self.languages}) < len(self.languages):
            raise ValueError(f"languages must name each language once, and one at least: {self.languages}")
        return self


class LabelSettings(Section):
    """Which documents are positives and hard negatives of a query: windows of a retriever's ranking."""

    retrievers: list[str] = ["bm25"]
    """`bm25`, `lsa` and models; several are fused with equal weights."""
    depth: int = Field(default=50, ge=2)
    positive_ranks: tuple[int, int] | None = (1, 10)
    """None: no rank makes a positive, only the origin or people's judgments do."""
    negative_ranks: tuple[int, int] = (30, 50)
    negatives_below: float | None = Field(default=None, gt=0.0, le=1.0)
    """Hard negatives must score below this share of the best positive's score; None: any score."""
    scale_to_corpus: bool = True
    """Shrink the windows for a corpus far below the paper's millions (see docs/augment.md)."""
    origin_is_positive: bool = True
    """The document a query came from is always a positive, and the only one besides the window's."""
    max_length: int | None = Field(default=None, ge=4)
    """Cut texts to this many tokens for the dense models."""
    precision: Precision = "auto"
    """Of the dense models' matrix products: `fp32`, `bf16`, or `auto`: bf16 where the processor has it."""
    keep_vectors: bool = False
    """Leave the dense models' vectors in `teacher/`, for distillation; several are put side by side, so
    that the cosine of two texts is the mean of the models' cosines."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.retrievers:
            raise ValueError("retrievers is empty: name 'bm25', 'lsa' or a model")
        if len({*self.retrievers}) < len(self.retrievers):
            raise ValueError(f"retrievers names one twice: {self.retrievers}")
        for name, (first, last) in (
            ("positive_ranks", self.positive_ranks or (1, 1)),
            ("negative_ranks", self.negative_ranks),
        ):
            if not 1 <= first <= last:
                raise ValueError(f"{name} {[first, last]} is no range of ranks from 1")
        if self.positive_ranks is not None and self.negative_ranks[0] <= self.positive_ranks[1]:
            raise ValueError("negative_ranks must begin behind the last of positive_ranks")
        if self.keep_vectors and {*self.retrievers} == {BM25_NAME}:
            raise ValueError("keep_vectors needs a dense model among the retrievers: 'lsa', or a model")
        return self


class RerankSettings(Section):
    """An LLM orders the best hits of a query once more, for a row of its own (paper, section 3: Rerank)."""

    method: Literal["none", "likelihood", "listwise", "first_identifier"] = "none"
    """`listwise` is the paper's; the other two suit an LLM that is too small to write an order."""
    llm: str = "smollm2-135m"
    """As in `synthesize`; a server can do `listwise` only."""
    precision: Precision = "auto"
    """As in `synthesize`."""
    prompt: str | None = None
    """The path of a YAML file; None is the method's own prompt."""
    kinds: list[Literal["sent", "title", "qgen"]] = ["qgen"]
    """Which queries are reranked; the paper's are those of QGen."""
    queries: int | None = Field(default=None, ge=1)
    """How many of them, by a seeded choice; None is all."""
    depth: int = Field(default=20, ge=2)
    """Hits of a query that are reranked."""
    window: int = Field(default=20, ge=2)
    """Passages in one prompt."""
    step: int = Field(default=10, ge=1)
    """How far a window moves up the list."""
    text_words: int = Field(default=150, ge=8)
    """Words of a document that the LLM reads."""
    batch_size: int = Field(default=8, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _no_precision_of_a_server(self.llm, self.precision)
        if self.method == "likelihood" and (self.window, self.step) != (20, 10):
            raise ValueError("likelihood scores documents one by one: it has no window and no step")
        far = is_server(self.llm) or is_vllm(self.llm)
        if self.method in ("likelihood", "first_identifier") and far:
            raise ValueError(f"{self.method} needs the LLM's logits: a server and vLLM can do listwise only")
        if self.step >= self.window:
            raise ValueError(f"step {self.step} must be below window {self.window}, so that windows overlap")
        if self.method == "first_identifier" and self.window > MOST_LETTERS:
            raise ValueError(f"first_identifier has {MOST_LETTERS} letters, window is {self.window}")
        if not self.kinds or len({*self.kinds}) < len(self.kinds):
            raise ValueError(f"kinds must name each kind once, and one at least: {self.kinds}")
        return self


class SupervisedSettings(Section):
    """Queries that people judged, beside the made ones (paper, section 4)."""

    collections: list[str] = []
    """BEIR folders, each also an input of the corpus."""
    split: str = "train"

    @model_validator(mode="after")
    def _no_test_split(self) -> Self:
        if self.split.lower().startswith("test"):
            raise ValueError(f"split {self.split}: a test split is for evaluation and is never trained on")
        names = [Path(place).name for place in self.collections]
        if len({*names}) < len(names):
            raise ValueError(f"collections: two have the same name: {names}")
        return self


class MixtureSettings(Section):
    """How much of what the finished file holds; nothing set: every row once."""

    sources: dict[str, float] = {}
    """Shares of the corpora, by name: {web: 2, wiki: 1}. Empty: as many rows as there are."""
    kinds: dict[str, float] = {}
    """Shares of the kinds, inside each source where those have shares: {sent: 1, qgen: 2}."""
    language_temperature: float = Field(default=1.0, ge=1.0)
    """A language of n rows gets a share of n ** (1 / temperature), inside each kind and, where sources have
    shares, each source."""
    repeats: int = Field(default=1, ge=1)
    """How often a row may stand in the file, so that what is rare does not make the whole small."""
    examples: int | None = Field(default=None, ge=2)
    """Rows to write, at most; None: as many as the shares and `repeats` allow."""

    @property
    def on(self) -> bool:
        """Whether anything is drawn at all."""
        return self != MixtureSettings()

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"kinds: no kind '{unknown[0]}', known are {', '.join(KINDS)}")
        return self

    @model_validator(mode="after")
    def _shares(self) -> Self:
        for name, shares in (("sources", self.sources), ("kinds", self.kinds)):
            if shares and (min(shares.values()) < 0 or max(shares.values()) == 0):
                raise ValueError(f"{name}: shares must not be negative, and one must be above 0")
        return self


class AugmentSettings(Section):
    """From passages to examples."""

    crop: CropSettings = CropSettings()
    synthesize: SynthesizeSettings = SynthesizeSettings()
    triplets: TripletSettings = TripletSettings()
    label: LabelSettings = LabelSettings()
    rerank: RerankSettings = RerankSettings()
    supervised: SupervisedSettings = SupervisedSettings()
    mixture: MixtureSettings = MixtureSettings()
    server: ServerSettings = ServerSettings()
    """How an LLM behind a server is asked, by `synthesize`, `triplets` and `rerank` alike."""

    ray: RaySettings | None = None
    """Actors that generate, embed and search; None is this process. A server is asked from this process; vLLM
    runs, and `likelihood` and `first_identifier` rerank, in it."""

    @model_validator(mode="after")
    def _addresses(self) -> Self:
        for name in self.llms():
            if is_server(name):
                server_address(name)
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.synthesize.round_trip > self.label.depth:
            raise ValueError(
                f"synthesize.round_trip {self.synthesize.round_trip} is above label.depth {self.label.depth}"
            )
        if self.rerank.method == "none":
            return self
        if self.rerank.depth > self.label.depth:
            raise ValueError(f"rerank.depth {self.rerank.depth} is above label.depth {self.label.depth}")
        made = {
            "sent": self.crop.per_document > 0,
            "title": self.crop.titles,
            "qgen": self.synthesize.documents > 0,
        }
        if not any(made[kind] for kind in self.rerank.kinds):
            raise ValueError(
                f"rerank.kinds {self.rerank.kinds}: no such query is made (see synthesize.documents, crop)"
            )
        return self

    def models(self) -> list[str]:
        """Names of the models that the stage will load into this process."""
        names = [name for name in self.label.retrievers if name not in FITTED]
        names += [model_of(name) for name in self.llms() if not is_server(name)]
        return list(dict.fromkeys(names))

    def prompt_files(self) -> list[str]:
        """Prompts of the user's own that the stage will read."""
        names = list(self.synthesize.prompts) if self.synthesize.documents else []
        names += [self.triplets.prompt] if self.triplets.count else []
        names += [self.rerank.prompt] if self.rerank.method != "none" and self.rerank.prompt else []
        return [name for name in names if name.endswith((".yaml", ".yml"))]

    def llms(self) -> list[str]:
        """Names of the LLMs that the stage asks."""
        names = [self.synthesize.llm] if self.synthesize.documents else []
        names += [self.triplets.llm] if self.triplets.count else []
        return names if self.rerank.method == "none" else [*names, self.rerank.llm]
