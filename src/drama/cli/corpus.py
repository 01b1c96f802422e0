"""`drama corpus`: any input → passages."""

from pathlib import Path
from typing import Annotated

import typer


def corpus(
    inputs: Annotated[
        list[str],
        typer.Argument(help="python-docs, a BEIR folder, a .jsonl, a .parquet, or a folder of text files."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for passages.parquet.")],
    max_documents: Annotated[int | None, typer.Option(help="Keep a seeded sample.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
) -> None:
    """Read corpora into passages.parquet; empty and repeated texts are dropped and counted."""
    from drama.console import note
    from drama.corpus import CorpusSettings, build_corpus

    settings = CorpusSettings.parse({"inputs": inputs, "max_documents": max_documents}, where="corpus")
    manifest = build_corpus(settings, out, seed)
    for outcome, n in manifest.counts.items():
        note(f"  {outcome}: {n}")
    typer.echo(str(out / "passages.parquet"))
