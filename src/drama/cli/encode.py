"""`drama encode`: a corpus to vectors on disk."""

from pathlib import Path
from typing import Annotated

import typer

from drama.corpus.readers.formats import KNOWN_INPUTS


def encode(
    model: Annotated[
        str, typer.Argument(help="A retriever folder, short name, hub id, or http://host/v1#model.")
    ],
    corpus: Annotated[str, typer.Argument(help=f"The corpus: {KNOWN_INPUTS}.")],
    out: Annotated[Path, typer.Option(help="Folder of the index.")],
    dim: Annotated[int | None, typer.Option(help="Truncate to this Matryoshka dimension.")] = None,
    dtype: Annotated[str, typer.Option(help="Type on disk: float32 or float16.")] = "float32",
    max_length: Annotated[int | None, typer.Option(help="Truncate texts to this many tokens.", min=4)] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Don't cut documents that are longer than the model reads.")
    ] = False,
    overlap: Annotated[
        int, typer.Option(help="Tokens of whole sentences that a passage repeats from the one before.", min=0)
    ] = 0,
    smooth: Annotated[
        bool, typer.Option(help="Move each document's vector towards its nearest neighbours'.")
    ] = False,
) -> None:
    """Encode a corpus. After a kill, or when documents were added, the same command encodes the rest.

    Documents that are longer than the model reads are cut into passages; search finds documents by their best
    one.
    """
    from collections import Counter

    from drama.console import note
    from drama.corpus.duplicates import with_text
    from drama.corpus.passages.settings import ChunkSettings
    from drama.corpus.readers.inputs import check_outside, read_input
    from drama.corpus.readers.tally import Tally
    from drama.errors import DramaError
    from drama.search import SmoothingSettings, encode_for_index

    if dtype not in ("float32", "float16"):
        raise DramaError(f"--dtype {dtype}: not known", hint="float32 or float16")
    check_outside(corpus, out)
    left_out: Counter[str] = Counter()

    def count(outcome: str) -> None:
        left_out[outcome] += 1

    tally = Tally(count)
    documents = with_text(read_input(corpus, tally), tally)
    smoothing = SmoothingSettings() if smooth else None
    chunk = ChunkSettings.parse({"tokens": None if whole else "auto", "overlap": overlap}, where="encode")
    counts = encode_for_index(model, documents, out, dim, dtype, max_length, smoothing=smoothing, chunk=chunk)
    encoded, reused = counts.pop("encoded"), counts.pop("reused")
    for outcome, n in (*left_out.items(), *counts.items()):
        note(f"  {outcome}: {n}")
    note(f"  encoded {encoded}, reused {reused} passages")
    typer.echo(str(out))
