"""The section `train.retriever.lexical`."""

from pydantic import Field

from drama.settings import Section


class LexicalSettings(Section):
    """Dimensions in which texts are near that share rare words."""

    dims: int = Field(default=640, ge=8)
    """How many; more are nearer to BM25's own weights."""
    weight: float = Field(default=0.4, gt=0.0)
    """Weight of the lexical cosine; that of the encoder's has weight 1."""
