"""`drama judge`: mark hits as relevant or not; the marks are a test set."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drama.cli.search import show_passage

if TYPE_CHECKING:
    from drama.evaluate.judge import Marks, Pool
    from drama.records import Hit, Query
    from drama.search import Found

_KEYS = {"y": 1, "n": 0, "2": 2}
_HELP = (
    "y relevant, 2 exactly right, n not relevant, m more text, s skip, b back, d done with this query, q quit"
)
_SHOWN, _MORE = 400, 4000
"""Characters of a passage."""


def judge(
    run: Annotated[Path, typer.Argument(help="The folder of a run, or an index.")],
    out: Annotated[
        Path | None, typer.Option(help="The test set, a BEIR folder; default: judged/ in the run.")
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            help="Queries to judge: a text file with one a line, or queries.jsonl. Default: asked for."
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Hits of each kind of search that are judged.", min=1)] = 10,
) -> None:
    """Judge hits by key: a test set of your own. What bm25, dense and hybrid search find is shown mixed.

    Every mark is on disk at once; the same command goes on.
    """
    from drama.errors import FileError
    from drama.evaluate.judge import Marks, make_pool, standings
    from drama.search import Index
    from drama.search.folder import INFO

    folder = run / "index" if (run / "index" / INFO).is_file() else run
    place = out or (run / "judged" if folder != run else None)
    if place is None and (run / INFO).is_file():
        raise FileError(run, "is an index, not a run", hint="name the folder of the test set with --out")
    asked = _from_file(queries) if queries is not None else None
    index = Index.open(folder)
    assert place is not None  # what is neither a run nor an index can't be opened
    marks = Marks.open(place, index.documents())
    rankings: dict[str, dict[str, list[Hit]]] = {}
    typer.echo(_HELP)
    for text in asked if asked is not None else _typed():
        query = marks.query(text)
        pool = make_pool(index, query.text, k)
        rankings[query.id] = pool.rankings
        if not _judge(query, pool, marks):
            break
    for query in marks.queries:  # of earlier sessions
        if query.id not in rankings and query.id in marks.qrels:
            rankings[query.id] = make_pool(index, query.text, k).rankings
    _summary(marks, standings(marks, rankings), place)


def _judge(query: "Query", pool: "Pool", marks: "Marks") -> bool:
    """Show the documents that are not judged yet. Returns whether to go on with another query."""
    left = [f for f in pool.documents if marks.grade(query, f.document.whole_id) is None]
    typer.secho(f"\n{query.text}", bold=True)
    if len(left) < len(pool.documents):
        typer.echo(f"{len(pool.documents) - len(left)} documents are judged already")
    at, more = 0, False
    while at < len(left):
        document = left[at].document.whole_id
        _show(left[at], query.text, f"{at + 1}/{len(left)}", _MORE if more else _SHOWN)
        key = _key()
        more = key == "m"
        if key in _KEYS:
            marks.mark(query, document, _KEYS[key])
            at += 1
        elif key == "s":
            at += 1
        elif key == "b":
            at = max(0, at - 1)
            marks.mark(query, left[at].document.whole_id, None)
        elif key == "d":
            return True
        elif key in ("q", ""):
            return False
        elif not more:
            typer.echo(_HELP)
    return True


def _show(found: "Found", query: str, place: str, width: int) -> None:
    from drama.console import one_line
    from drama.search.snippet import snippet

    typer.echo(f"\n[{place}] {one_line(found.document.whole_id)}")
    show_passage(found.document.title, snippet(found.document, query, width))


def _key() -> str:
    """A key on a terminal, else a line of the input; empty at its end."""
    if sys.stdin.isatty():
        return str(typer.getchar()).lower()
    while line := sys.stdin.readline():
        if line.strip():
            return line.strip().lower()[0]
    return ""


def _typed() -> Iterator[str]:
    """Queries from the terminal, until an empty one."""
    while True:
        typer.echo("\nquery (empty: end): ", nl=False)
        text = sys.stdin.readline().strip()
        if not text:
            return
        yield text


def _from_file(path: Path) -> list[str]:
    from drama.errors import FileError
    from drama.files.reading import read_text
    from drama.records import read_queries

    if not path.is_file():
        raise FileError(path, "no such file", hint="give a text file with one query a line, or queries.jsonl")
    found = (
        [query.text for query in read_queries(path)]
        if path.suffix == ".jsonl"
        else read_text(path).splitlines()
    )
    texts = [text for text in found if text.strip()]
    if not texts:
        raise FileError(path, "holds no queries")
    return texts


def _summary(marks: "Marks", found: dict[str, float], out: Path) -> None:
    grades = [grade for judged in marks.qrels.values() for grade in judged.values()]
    relevant = sum(grade > 0 for grade in grades)
    typer.echo(f"\n{len(marks.qrels)} queries, {len(grades)} documents judged, {relevant} relevant: {out}")
    if found:
        typer.echo("nDCG@10: " + ", ".join(f"{mode} {value:.3f}" for mode, value in found.items()))
        typer.echo(f"to measure other models too: drama evaluate MODEL {out} --fuse-bm25")
