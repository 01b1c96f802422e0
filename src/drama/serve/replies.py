"""Errors as OpenAI's API writes them, and how our own become such."""

import json
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from drama.errors import DramaError
from drama.serve.batcher import BusyError


class Problem(BaseModel):
    """What was wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorReply(BaseModel):
    """The body of every answer that is an error."""

    error: Problem


DESCRIPTIONS = {
    400: "the request is wrong; says where and what to do",
    401: "no API key, or a wrong one",
    404: "no such model or document",
    408: "the request did not arrive in time",
    413: "the request is too large",
    429: "too much is waiting; come back after Retry-After seconds",
    503: "no answer in time, or the index can't be read",
}


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route."""
    return {code: {"model": ErrorReply, "description": DESCRIPTIONS[code]} for code in codes}


ANY = (400, 401, 404, 408, 413, 429, 503)


def written(reply: BaseModel) -> Response:
    """A reply as JSON, without what is null; returned as a model, FastAPI would check it once more."""
    return Response(reply.model_dump_json(exclude_none=True), media_type="application/json")


def problem(
    status: int, message: str, param: str | None = None, code: str | None = None, retry: int | None = None
) -> Response:
    """An error as a response. Written in ASCII: what it cites may be no text."""
    kind = {401: "authentication_error", 429: "rate_limit_error", 503: "server_error"}.get(status)
    body = {"message": message, "type": kind or "invalid_request_error", "param": param, "code": code}
    headers = {} if retry is None else {"Retry-After": str(retry)}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(json.dumps({"error": body}), status, headers, "application/json")


async def of_validation(request: Request, error: Exception) -> Response:
    """A body that is no JSON, or has fields of the wrong type: names the first."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(400, f"the body is not valid JSON ({first['ctx']['error']})")
    where = _place(first["loc"])
    return problem(400, f"{where}: {first['msg']}" if where else first["msg"], where or None)


async def of_http(request: Request, error: Exception) -> Response:
    """No such path, a wrong method, a body that can't be parsed."""
    assert isinstance(error, HTTPException)
    unread = error.status_code == 400  # FastAPI says no more
    found = problem(error.status_code, "the body is not valid JSON" if unread else str(error.detail))
    found.headers.update(error.headers or {})
    return found


async def of_drama(request: Request, error: Exception) -> Response:
    """A mistake in what was asked for."""
    return problem(400, str(error))


async def of_busy(request: Request, error: Exception) -> Response:
    """Too much is waiting."""
    assert isinstance(error, BusyError)
    return problem(429, str(error), code="rate_limit_exceeded", retry=error.seconds)


async def of_timeout(request: Request, error: Exception) -> Response:
    """Not done in time."""
    return problem(503, "no answer in time", code="timeout", retry=1)


HANDLERS = {
    RequestValidationError: of_validation,
    HTTPException: of_http,
    DramaError: of_drama,
    BusyError: of_busy,
    TimeoutError: of_timeout,
}


def _place(location: Sequence[int | str]) -> str:
    """`("body", "input", 3)` as `input.3`."""
    return ".".join(str(step) for step in location if step not in ("body", "query", "path"))
