"""`drama search`: search an index."""

from pathlib import Path
from typing import Annotated

import typer


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
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Search an index and show the best documents."""
    import json as json_module

    from drama.console import one_line
    from drama.search import Index

    found = Index.open(index, model, dense=mode != "bm25").search(query, k, mode)
    if json:
        rows = [
            {**f.hit._asdict(), "passage": f.document.id, "title": f.document.title, "text": f.document.text}
            for f in found
        ]
        typer.echo(json_module.dumps({"query": query, "hits": rows}, ensure_ascii=False))
        return
    for f in found:
        typer.echo(f"{f.hit.rank:3}  {f.hit.score:.4f}  {one_line(f.hit.document_id)}")
        typer.echo(f"     {one_line(f.document.full_text[:200])}")
