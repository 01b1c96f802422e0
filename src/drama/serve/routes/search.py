"""`/search` and `/documents`: the index."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from drama.errors import DramaError
from drama.search import Found
from drama.search.snippet import snippet
from drama.search.where import parse_where
from drama.serve.replies import ANY, errors, written
from drama.serve.work import Work, work_of

router = APIRouter()

Mode = Literal["hybrid", "dense", "bm25"]
_MOST = 1000
"""Hits."""


class SearchRequest(BaseModel):
    """What to look for."""

    model_config = ConfigDict(extra="forbid")

    query: str
    k: Annotated[int, Field(ge=1, le=_MOST)] = 10
    mode: Mode | None = None
    """By default hybrid, where the index holds BM25."""
    where: dict[str, str | list[str]] = {}
    """Only documents with this value, or one of these, in this field: `{"lang": ["de", "fr"]}`."""


class SnippetReply(BaseModel):
    """The part of a passage that answers; `marks` are (start, end) of the query's words in it, in
    characters."""

    text: str
    marks: list[tuple[int, int]]


class SearchHit(BaseModel):
    """A document."""

    rank: int
    id: str
    score: float
    title: str
    snippet: SnippetReply
    text: str
    """Of its best passage."""
    passage: str
    """The id of its best passage; the document's own, where it was not cut."""
    lang: str
    source: str
    metadata: dict[str, str]


class SearchReply(BaseModel):
    """Hits, best first."""

    query: str
    mode: Mode
    milliseconds: float
    hits: list[SearchHit]


class PassageReply(BaseModel):
    """A part of a document."""

    id: str
    title: str
    text: str


class DocumentReply(BaseModel):
    """A document with all its passages, in their order."""

    id: str
    lang: str
    source: str
    metadata: dict[str, str]
    passages: list[PassageReply]


@router.post("/search", response_model=SearchReply, responses=errors(*ANY))
async def search(request: Request, body: SearchRequest) -> Response:
    """Search the index."""
    where = {name: [own] if isinstance(own, str) else own for name, own in body.where.items()}
    return await _search(work_of(request), body.query, body.k, body.mode, where)


@router.get("/search", response_model=SearchReply, responses=errors(*ANY))
async def search_by_address(
    request: Request,
    q: Annotated[str, Query(description="The query.")],
    k: Annotated[int, Query(ge=1, le=_MOST)] = 10,
    mode: Mode | None = None,
    where: Annotated[list[str] | None, Query(description="field=value, several times.")] = None,
) -> Response:
    """Search the index, by an address."""
    return await _search(work_of(request), q, k, mode, parse_where(where or []))


@router.get("/documents/{document_id:path}", responses=errors(*ANY))
async def document(request: Request, document_id: str) -> DocumentReply:
    """A document by its id."""
    work = work_of(request)
    index = work.served.now.index
    assert index is not None
    passages = await work.run(lambda: index.document(document_id))
    if not passages:
        raise HTTPException(404, "no such document")
    first = passages[0]
    return DocumentReply(
        id=document_id,
        lang=first.lang,
        source=first.source,
        metadata=dict(first.metadata),
        passages=[PassageReply(id=each.id, title=each.title, text=each.text) for each in passages],
    )


@router.get("/similar", response_model=SearchReply, responses=errors(*ANY))
async def similar(
    request: Request,
    passage: Annotated[str, Query(description="The id of a passage.")],
    k: Annotated[int, Query(ge=1, le=_MOST)] = 10,
) -> Response:
    """Documents whose vectors are nearest to that of a passage."""
    begin = time.perf_counter()
    work = work_of(request)
    now = work.served.now
    model, index = now.model, now.index
    assert index is not None
    own = index.passage(passage)
    if own is None:
        raise HTTPException(404, "no such passage")
    query, name = own.full_text, own.whole_id
    if not query:
        raise DramaError("this passage has no text")
    vectors_ND, _ = await work.vectors(model, [query], "document")
    found = await work.score(lambda: index.search(query, k + 1, "dense", vector_1D=index.cut(vectors_ND)))
    others = [each for each in found if each.hit.document_id != name][:k]
    hits = [_hit(Found(each.hit._replace(rank=i), each.document), "") for i, each in enumerate(others, 1)]
    return _reply("", "dense", begin, hits)


async def _search(work: Work, query: str, k: int, mode: Mode | None, where: dict[str, list[str]]) -> Response:
    begin = time.perf_counter()
    now = work.served.now
    model, index = now.model, now.index
    assert index is not None
    how = index.mode(mode)
    if not query.strip():
        raise DramaError("query: empty")
    work.check([query])
    vector_1D = None
    if how != "bm25":
        vector_1D = index.cut((await work.vectors(model, [query], "query"))[0])
    found = await work.score(lambda: index.search(query, k, how, where, vector_1D))
    hits = await work.run(lambda: [_hit(each, query) for each in found])
    return _reply(query, how, begin, hits)


def _reply(query: str, mode: str, begin: float, hits: list[SearchHit]) -> Response:
    spent = round(1000 * (time.perf_counter() - begin), 1)
    about = {"query": query, "mode": mode, "milliseconds": spent, "hits": hits}
    return written(SearchReply.model_validate(about))


def _hit(found: Found, query: str) -> SearchHit:
    hit, passage = found
    part = snippet(passage, query)
    return SearchHit(
        rank=hit.rank,
        id=hit.document_id,
        score=hit.score,
        title=passage.title,
        snippet=SnippetReply(text=part.text, marks=part.marks),
        text=passage.text,
        passage=passage.id,
        lang=passage.lang,
        source=passage.source,
        metadata=dict(passage.metadata),
    )
