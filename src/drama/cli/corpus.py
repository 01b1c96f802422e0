"""`drama corpus`: any input → passages."""

from pathlib import Path
from typing import Annotated

import typer


def corpus(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="python-docs, a BEIR folder, a .jsonl, .csv, .tsv or .parquet, a folder of text and HTML, "
            "or hf://owner/name?split=train&text=body."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for passages.parquet.")],
    language: Annotated[
        list[str] | None, typer.Option(help="What documents that name none may be in; default: anything.")
    ] = None,
    chunk_tokens: Annotated[
        int | None, typer.Option(help="Cut longer documents at sentences; needs --tokenizer.")
    ] = None,
    tokenizer: Annotated[str | None, typer.Option(help="The model whose tokens are counted.")] = None,
    near_duplicates: Annotated[
        float | None, typer.Option(help="Leave out texts this similar to another (Jaccard, say 0.8).")
    ] = None,
    max_documents: Annotated[int | None, typer.Option(help="Keep a seeded sample.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
) -> None:
    """Read corpora into passages.parquet; empty and repeated texts are dropped and counted."""
    from drama.console import note
    from drama.corpus import CorpusSettings, build_corpus

    values = {
        "inputs": inputs,
        "languages": language or [],
        "chunk": {"tokens": chunk_tokens, "tokenizer": tokenizer},
        "near_duplicates": near_duplicates,
        "max_documents": max_documents,
    }
    manifest = build_corpus(CorpusSettings.parse(values, where="corpus"), out, seed)
    for outcome, n in manifest.counts.items():
        note(f"  {outcome}: {n}")
    note("  languages: " + ", ".join(f"{lang} {n}" for lang, n in manifest.figures["languages"].items()))
    typer.echo(str(out / "passages.parquet"))
