"""One file a route."""

from fastapi import APIRouter

from drama.serve.routes import about, embeddings, page, rerank, search

ALWAYS: tuple[APIRouter, ...] = (about.router, embeddings.router, rerank.router)
WITH_INDEX: tuple[APIRouter, ...] = (search.router, page.router)
