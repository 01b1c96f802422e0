"""`/v1/embeddings`, as OpenAI's API has it (https://platform.openai.com/docs/api-reference/embeddings)."""

import base64
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from drama.errors import DramaError
from drama.retriever import truncate
from drama.serve.replies import ANY, errors, written
from drama.serve.routes.names import kind_in
from drama.serve.served import Model
from drama.serve.work import work_of

router = APIRouter()

Tokens = Annotated[list[Annotated[int, Field(strict=True, ge=0)]], Field(min_length=1)]


class EmbeddingsRequest(BaseModel):
    """Texts to encode."""

    model_config = ConfigDict(extra="forbid")

    input: str | list[str] | Tokens | list[Tokens]
    """A text, several, or the model's own token ids."""
    model: str | None = None
    """As `/v1/models` names it."""
    dimensions: Annotated[int, Field(ge=1)] | None = None
    """A width that the model was trained at."""
    encoding_format: Literal["float", "base64"] = "float"
    """`base64` is of little-endian float32."""
    input_type: Literal["query", "document"] | None = None
    """What the texts are; a document where neither this nor the model's name says it."""
    user: str | None = None
    """Part of OpenAI's API; not looked at."""


class Embedding(BaseModel):
    """The vector of one text, of unit length."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Tokens, prefixes included, cut at what the model reads."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsReply(BaseModel):
    """Vectors in the order of the texts."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


@router.post("/v1/embeddings", response_model=EmbeddingsReply, responses=errors(*ANY))
async def embeddings(request: Request, body: EmbeddingsRequest) -> Response:
    """Vectors of texts."""
    work = work_of(request)
    model = work.served.now.model
    kind = body.input_type or kind_in(body.model, model) or "document"
    width = model.width(body.dimensions)
    texts = await work.run(lambda: _texts(body.input, model))
    if not texts:
        raise DramaError("input: no texts")
    vectors_ND, tokens = await work.vectors(model, texts, kind)
    vectors_ND = truncate(vectors_ND, width)
    rows = (
        vectors_ND.tolist()
        if body.encoding_format == "float"
        else [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors_ND]
    )
    reply = EmbeddingsReply(
        data=[Embedding(index=i, embedding=row) for i, row in enumerate(rows)],
        model=body.model or model.name,
        usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
    )
    return written(reply)


def _texts(given: str | list[str] | list[int] | list[list[int]], model: Model) -> list[str]:
    """All kinds of input as texts."""
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return [model.text_of(given)]
    return [each if isinstance(each, str) else model.text_of(each) for each in given]  # type: ignore[arg-type]
