"""The server: routes, the guard before them, and a watch for a rebuilt index."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI

from drama import __version__
from drama.console import note, warn
from drama.errors import DramaError
from drama.serve.guard import Guard
from drama.serve.limits import Limits
from drama.serve.metrics import Metrics
from drama.serve.replies import HANDLERS, problem
from drama.serve.routes import ALWAYS, WITH_INDEX
from drama.serve.routes.names import NoModelError
from drama.serve.served import Served
from drama.serve.work import Work

_LOOK = 1.0
"""Seconds between two looks at the index's folder."""


def create_app(
    path: str,
    model: str | None = None,
    key: str | None = None,
    limits: Limits | None = None,
    log: bool = True,
) -> FastAPI:
    """The app for an index or a model, which is opened here.

    Args:
        path: an index folder, or a model as `drama.retriever.load_encoder` takes it.
        model: where the index's model is now, if it was moved apart from it.
        key: the API key; None lets everybody in.
        limits: of requests.
        log: one line per request.

    Raises:
        DramaError: neither an index nor a model.
    """
    limits, metrics = limits or Limits(), Metrics()
    served = Served(path, model, limits, metrics.batch)

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        watch = asyncio.create_task(_watch(served, metrics)) if served.now.index is not None else None
        yield
        if watch is not None:
            watch.cancel()

    app = FastAPI(title="drama", version=__version__, lifespan=life, docs_url=None, redoc_url=None)
    app.state.work = Work(served, limits, metrics)
    for router in ALWAYS + (WITH_INDEX if served.now.index is not None else ()):
        app.include_router(router)
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)

    async def of_model(request: object, error: Exception) -> Any:
        return problem(404, str(error), "model", "model_not_found")

    app.add_exception_handler(NoModelError, of_model)
    if served.now.index is not None:
        metrics.passages.set(len(served.now.index))
    app.add_middleware(Guard, limits=limits, metrics=metrics, key=key, log=log)
    _leave_out_422(app)
    return app


async def _watch(served: Served, metrics: Metrics) -> None:
    """Open the index again when it was rebuilt."""
    while True:
        await asyncio.sleep(_LOOK)
        try:
            if await asyncio.to_thread(served.reload):
                metrics.reloads.inc()
                assert served.now.index is not None
                metrics.passages.set(len(served.now.index))
        except (DramaError, OSError) as error:
            warn(f"serve: the index on disk can't be opened, the old one answers ({error})")


def _leave_out_422(app: FastAPI) -> None:
    """FastAPI describes answers with status 422, which here have 400."""
    schema = app.openapi()
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schema.get("components", {}).get("schemas", {}).pop(name, None)


def serve(app: FastAPI, host: str, port: int, limits: Limits | None = None) -> None:
    """Answer until SIGTERM or Ctrl-C; what is held then is answered first.

    Raises:
        DramaError: the port is taken, or there is no such host.
    """
    limits = limits or Limits()
    listening = _listen(host, port)
    where = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
    work: Work = app.state.work
    index = work.served.now.index
    what = "" if index is None else f", {len(index)} passages; search page: {where}/"
    note(f"serving {work.served.now.model.name} at {where}{what}")
    note(f"OpenAI's clients: base_url={where}/v1; all routes: {where}/openapi.json; Ctrl-C stops")
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(limits.seconds),
        h11_max_incomplete_event_size=64 << 10,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. It names its protocol: asyncio sends small answers at once (TCP_NODELAY) only then,
    else each may wait 40 ms for the client's acknowledgement."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        why = error.strerror or str(error)
        raise DramaError(f"can't listen on {host}:{port} ({why})", hint="name another --port") from None
    return listening
