"""The section `augment.rerank`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from drama.augment.context import LLMSettings
from drama.augment.kinds import RERANKABLE
from drama.augment.prompts.prompt_file import prompt_inputs
from drama.augment.rerank.methods import METHODS
from drama.llm import is_vllm
from drama.servers import is_server
from drama.settings import Names


class RerankSettings(LLMSettings):
    """An LLM reorders the best hits of a query, which makes another row (paper, section 3: Rerank)."""

    method: str = "none"
    """`listwise`, the paper's; `likelihood` and `first_identifier` suit an LLM that is too small to write an
    order; or `none`. A server can do `listwise` only."""
    prompt: str | None = None
    """The path of a YAML file; None is the method's own prompt."""
    kinds: Names = ["qgen"]
    """Kinds of queries that are reranked: `sent`, `title`, `qgen`; the paper reranks `qgen`."""
    queries: int | None = Field(default=None, ge=1)
    """How many of these queries, by a seeded choice; None: all."""
    depth: int = Field(default=20, ge=2)
    """Hits of a query that are reranked."""
    window: int = Field(default=20, ge=2)
    """Passages in one prompt."""
    step: int = Field(default=10, ge=1)
    """How far a window moves up the list."""
    text_words: int = Field(default=150, ge=8)
    """Words of a document that the LLM reads."""

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        if self.method not in ("none", *METHODS):
            raise ValueError(f"method: no method '{self.method}', known are none, {', '.join(METHODS)}")
        unknown = [kind for kind in self.kinds if kind not in RERANKABLE]
        if unknown:
            raise ValueError(f"kinds: no query of kind '{unknown[0]}', known are {', '.join(RERANKABLE)}")
        return self

    @model_validator(mode="after")
    def _what_the_method_can_do(self) -> Self:
        name, method = self.method, METHODS.get(self.method)
        if method is not None:
            if method.largest_window == 0 and (self.window, self.step) != (20, 10):
                raise ValueError(f"{name} scores documents one by one: it has no window and no step")
            if method.needs_logits and (is_server(self.llm) or is_vllm(self.llm)):
                raise ValueError(f"{name} needs the LLM's logits: a server and vLLM can do listwise only")
            if method.largest_window and self.window > method.largest_window:
                raise ValueError(f"{name} has {method.largest_window} letters, window is {self.window}")
        if self.step >= self.window:
            raise ValueError(f"step {self.step} must be below window {self.window}, so that windows overlap")
        return self

    def on(self) -> bool:
        """Whether anything is reranked."""
        return self.method != "none"

    def inputs(self) -> dict[str, Path]:
        """The prompt, where it is a file of the user's."""
        return prompt_inputs([self.prompt]) if self.on() and self.prompt else {}

    @classmethod
    def only(cls, queries: Sequence[str], llm: str) -> dict[str, Any]:
        """The section's keys for `drama augment --kinds …,rerank`: which queries, and by what method.

        An LLM in this process is usually too small to write a ranking.
        """
        kinds = sorted(queries, key=lambda kind: kind != "qgen")[:1]
        method = "listwise" if is_server(llm) or is_vllm(llm) else "likelihood"
        return {"method": method, "llm": llm, "kinds": kinds}
