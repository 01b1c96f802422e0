"""`drama search`: search an index."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from drama.search import Found
    from drama.search.snippet import Snippet


def search(
    index: Annotated[Path, typer.Argument(help="An index folder.")],
    query: Annotated[str, typer.Argument(help="The query.")],
    k: Annotated[int, typer.Option("-k", help="Number of hits.", min=1)] = 10,
    mode: Annotated[
        str | None, typer.Option(help="hybrid, dense or bm25; hybrid where the index holds BM25.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Where the index's model is now, if it was moved apart from it.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only documents with this value, as field=value; several times: any of a field's."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Search an index and show the best documents."""
    import json as json_module

    from drama.search.folder import check_index

    check_index(index)

    from drama.search import Index
    from drama.search.snippet import snippet
    from drama.search.where import parse_where

    filters = parse_where(where or [])
    found = Index.open(index, model, dense=mode != "bm25").search(query, k, mode, filters)
    if json:
        rows = [
            {**f.hit._asdict(), "passage": f.document.id, "title": f.document.title, "text": f.document.text}
            | {"metadata": dict(f.document.metadata), "snippet": snippet(f.document, query)._asdict()}
            for f in found
        ]
        typer.echo(json_module.dumps({"query": query, "hits": rows}, ensure_ascii=False))
        return
    for f in found:
        _show(f, snippet(f.document, query))


def _show(found: "Found", part: "Snippet") -> None:
    """A hit: rank, score and document; its other names; its passage."""
    from drama.console import one_line

    typer.echo(f"{found.hit.rank:3}  {found.hit.score:.4f}  {one_line(found.hit.document_id)}")
    if names := found.document.other_names:
        typer.echo(f"     also: {one_line(', '.join(names))}")
    show_passage(found.document.title, part, before="     ")


def show_passage(title: str, part: "Snippet", before: str = "") -> None:
    """A passage's title, and the part of it that answers, with the query's words marked."""
    from drama.console import one_line, printable

    if title := one_line(title):
        typer.secho(f"{before}{title}", underline=True)
    pieces = [
        typer.style(printable(text), bold=True, fg="green") if marked else printable(text)
        for text, marked in part.parts()
    ]
    typer.echo(f"{before}{''.join(pieces)}")
