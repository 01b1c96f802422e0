"""Whether it runs, what it counts, which models it serves."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.responses import Response

from drama.serve.replies import errors
from drama.serve.routes.names import names_of
from drama.serve.work import work_of

router = APIRouter()


class Health(BaseModel):
    """What is served."""

    status: str
    model: str
    dims: list[int]
    passages: int | None
    """Of the index; none where a model alone is served."""
    modes: list[str]
    fields: list[str]
    """What documents can be filtered by."""


class ModelEntry(BaseModel):
    """A name under which the model can be asked for."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "drama"


class ModelList(BaseModel):
    """As OpenAI's API lists models."""

    object: str = "list"
    data: list[ModelEntry]


@router.get("/health")
async def health(request: Request) -> Health:
    """Whether the server answers, and what it serves."""
    now = work_of(request).served.now
    model, index = now.model, now.index
    modes = [] if index is None else ["hybrid", "dense", "bm25"] if index.has_words else ["dense"]
    return Health(
        status="ok",
        model=model.name,
        dims=list(model.dims),
        passages=None if index is None else len(index),
        modes=modes,
        fields=[] if index is None else index.fields,
    )


@router.get("/v1/models", responses=errors(401, 429))
async def models(request: Request) -> ModelList:
    """The model's names: as it is, and with `:query` or `:document` for what its texts are."""
    return ModelList(data=[ModelEntry(id=name) for name in names_of(work_of(request).served.now.model)])


@router.get("/metrics", responses=errors(401, 429) | {200: {"content": {CONTENT_TYPE_LATEST: {}}}})
async def metrics(request: Request) -> Response:
    """Counters in Prometheus' format."""
    return Response(generate_latest(work_of(request).metrics.registry), media_type=CONTENT_TYPE_LATEST)
