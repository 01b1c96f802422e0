"""The `augment` section of a recipe."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import model_validator

from drama.augment.context import LLMSettings
from drama.augment.kinds import MAKERS, Makers
from drama.augment.labels.settings import LabelSettings
from drama.augment.mixture import MixtureSettings
from drama.augment.queries.maker import Maker
from drama.augment.rerank.settings import RerankSettings
from drama.llm import model_of
from drama.models import resolve_local
from drama.search import FITTED
from drama.servers import is_server
from drama.servers.settings import ServerSettings
from drama.settings import SAME_RESULT
from drama.workers import RaySettings
from drama.workspace import Needs


class AugmentSettings(Makers):
    """From passages to examples: what makes the queries (`Makers`), and what becomes of them."""

    label: LabelSettings = LabelSettings()
    rerank: RerankSettings = RerankSettings()
    mixture: MixtureSettings = MixtureSettings()
    server: Annotated[ServerSettings, SAME_RESULT] = ServerSettings()
    """How a server is asked: its LLM by `synthesize`, `triplets` and `rerank`, its embeddings by `label`."""
    ray: Annotated[RaySettings | None, SAME_RESULT] = None
    """Actors that generate, embed and search; None is this process. A server is asked from this process; vLLM
    and rerankers that need logits run in it."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        depth = self.label.depth
        if self.synthesize.round_trip > depth:
            raise ValueError(
                f"synthesize.round_trip {self.synthesize.round_trip} is above label.depth {depth}"
            )
        if not self.rerank.on():
            return self
        if self.rerank.depth > depth:
            raise ValueError(f"rerank.depth {self.rerank.depth} is above label.depth {depth}")
        if not any(kind in self.rerank.kinds for maker in self.makers() for kind in maker.on()):
            raise ValueError(
                f"rerank.kinds {self.rerank.kinds}: no such query is made (see synthesize.documents, crop)"
            )
        return self

    def makers(self) -> list[Maker]:
        """The sections that make queries, in their order."""
        return [getattr(self, name) for name in MAKERS]

    def llms(self) -> list[str]:
        """Names of the LLMs that the stage asks."""
        sections: list[Maker | RerankSettings] = [*self.makers(), self.rerank]
        return [section.llm for section in sections if isinstance(section, LLMSettings) and section.on()]

    def models(self) -> list[str]:
        """Names of the models that the stage loads into this process, and of servers' embedding models."""
        names = [name for name in self.label.retrievers if name not in FITTED]
        names += [model_of(name) for name in self.llms() if not is_server(name)]
        return list(dict.fromkeys(names))

    def inputs(self) -> dict[str, Path]:
        """Name → file or folder that the stage reads in addition to the passages.

        Raises:
            DramaError: a model or a collection is missing.
        """
        inputs = {f"model {name}": folder for name, folder in resolve_local(self.models()).items()}
        for maker in self.makers():
            inputs |= maker.inputs()
        return inputs | self.rerank.inputs()

    def needs(self) -> Needs:
        """The models that label and write, Ray, and the judgments of supervised sets."""
        return Needs(
            models=self.models(),
            extras=[("ray", "ray")] if self.ray is not None else [],
            judgments=[(place, self.supervised.split) for place in self.supervised.collections],
        )
