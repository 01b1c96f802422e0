"""`/v1/rerank`, as Cohere's and Jina's APIs have it: documents that the client has, ordered for a query."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from drama.errors import DramaError
from drama.serve.replies import ANY, errors, written
from drama.serve.routes.names import kind_in
from drama.serve.work import work_of

router = APIRouter()


class TextDocument(BaseModel):
    """A document as an object."""

    text: str


class RerankRequest(BaseModel):
    """A query and documents."""

    model_config = ConfigDict(extra="forbid")

    query: str
    documents: Annotated[list[str | TextDocument], Field(min_length=1)]
    model: str | None = None
    """As `/v1/models` names it."""
    top_n: Annotated[int, Field(ge=1)] | None = None
    """How many results; all, where it is not given."""
    return_documents: bool = False
    """Send the documents' texts back."""


class RerankResult(BaseModel):
    """A document by its place in the request."""

    index: int
    relevance_score: float
    """The cosine, from -1 to 1."""
    document: TextDocument | None = None


class RerankUsage(BaseModel):
    """Tokens of the query and the documents."""

    total_tokens: int


class RerankReply(BaseModel):
    """Results, best first."""

    model: str
    results: list[RerankResult]
    usage: RerankUsage


@router.post("/v1/rerank", response_model=RerankReply, responses=errors(*ANY))
async def rerank(request: Request, body: RerankRequest) -> Response:
    """Order documents by the cosine of their vectors with the query's."""
    work = work_of(request)
    model = work.served.now.model
    kind_in(body.model, model)
    if not body.query.strip():
        raise DramaError("query: empty")
    texts = [each if isinstance(each, str) else each.text for each in body.documents]
    query_1D, query_tokens = await work.vectors(model, [body.query], "query")
    documents_ND, tokens = await work.vectors(model, texts, "document")
    scores_N = documents_ND @ query_1D[0]
    best = np.argsort(-scores_N, kind="stable")[: body.top_n].tolist()
    results = [
        RerankResult(
            index=row,
            relevance_score=float(scores_N[row]),
            document=TextDocument(text=texts[row]) if body.return_documents else None,
        )
        for row in best
    ]
    usage = RerankUsage(total_tokens=query_tokens + tokens)
    return written(RerankReply(model=body.model or model.name, results=results, usage=usage))
