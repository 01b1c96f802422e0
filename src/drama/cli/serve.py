"""`drama serve`: an index or a model behind HTTP."""

from typing import Annotated

import typer

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    path: Annotated[str, typer.Argument(help="An index folder, or a model as `drama encode` takes it.")],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8000,
    api_key: Annotated[
        str | None,
        typer.Option(help="Key that clients must send as Bearer.", envvar="DRAMA_API_KEY", show_envvar=True),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Where the index's model is now, if it was moved apart from it.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line for each request.")] = False,
) -> None:
    """Serve a search page, search, reranking, and embeddings as OpenAI's API has them.

    A rebuilt index is taken over without dropping a request. docs/serve.md describes routes and limits.
    """
    from drama.console import warn
    from drama.errors import DramaError, MissingExtraError

    if api_key is not None and not (api_key and api_key.isascii() and api_key.isprintable()):
        raise DramaError("--api-key: not printable ASCII, or empty")
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(error.name or "fastapi", "serve") from None
    from drama.serve.app import create_app
    from drama.serve.app import serve as run

    app = create_app(path, model, api_key, log=not quiet)
    if host not in _LOOPBACK and api_key is None:
        warn(
            "serve: whoever reaches this address can search and read all documents; --api-key asks for a key"
        )
    run(app, host, port)
