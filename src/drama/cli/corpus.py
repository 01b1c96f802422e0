"""`drama corpus`: any input → passages."""

from pathlib import Path
from typing import Annotated

import typer

from drama.corpus.readers.formats import KNOWN_INPUTS


def corpus(
    inputs: Annotated[
        list[str],
        typer.Argument(help=f"python-docs, {KNOWN_INPUTS}."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for passages.parquet.")],
    language: Annotated[
        list[str] | None,
        typer.Option(help="Candidate languages of documents without a `lang`; default: detect any."),
    ] = None,
    chunk_tokens: Annotated[
        int | None,
        typer.Option(help="Cut longer documents into passages of this many tokens; needs --tokenizer."),
    ] = None,
    tokenizer: Annotated[str | None, typer.Option(help="The model whose tokens are counted.")] = None,
    overlap: Annotated[
        int, typer.Option(help="Tokens of whole sentences that a passage repeats from the one before.", min=0)
    ] = 0,
    near_duplicates: Annotated[
        float | None, typer.Option(help="Drop near-duplicates above this Jaccard similarity, e.g. 0.8.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first file in a folder that can't be read.")
    ] = False,
    max_documents: Annotated[
        int | None, typer.Option(help="Keep a random sample of at most this many documents.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample.", min=0)] = 0,
) -> None:
    """Read corpora into passages.parquet; empty texts and duplicates are left out and counted."""
    from drama.console import note
    from drama.corpus import CorpusSettings, build_corpus

    values = {
        "inputs": inputs,
        "languages": language or [],
        "chunk": {"tokens": chunk_tokens, "tokenizer": tokenizer, "overlap": overlap},
        "strict": strict,
        "near_duplicates": near_duplicates,
        "max_documents": max_documents,
    }
    manifest = build_corpus(CorpusSettings.parse(values, where="corpus"), out, seed)
    for outcome, n in manifest.counts.items():
        note(f"  {outcome}: {n}")
    note("  languages: " + ", ".join(f"{lang} {n}" for lang, n in manifest.figures["languages"].items()))
    typer.echo(str(out / "passages.parquet"))
