"""The search page at `/`. It asks no other host for anything, and its policy forbids it to."""

from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:"


def _file(name: str, kind: str) -> Response:
    content = files("drama.serve").joinpath("page", name).read_bytes()
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(content, headers=headers, media_type=kind)


@router.get("/")
async def page() -> Response:
    """The page."""
    return _file("page.html", "text/html; charset=utf-8")


@router.get("/page.css")
async def style() -> Response:
    """How it looks."""
    return _file("page.css", "text/css; charset=utf-8")


@router.get("/page.js")
async def script() -> Response:
    """What it does."""
    return _file("page.js", "text/javascript; charset=utf-8")
