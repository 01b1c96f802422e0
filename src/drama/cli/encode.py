"""`drama encode`: a corpus to vectors on disk."""

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from drama.corpus.readers.formats import KNOWN_INPUTS

Dim = Annotated[int | None, typer.Option(help="Truncate to this Matryoshka dimension.")]
Dtype = Annotated[str, typer.Option(help="Type on disk: float32 or float16.")]
MaxLength = Annotated[int | None, typer.Option(help="Truncate texts to this many tokens.", min=4)]
Whole = Annotated[
    bool, typer.Option("--whole", help="Don't cut documents that are longer than the model reads.")
]
Overlap = Annotated[
    int, typer.Option(help="Tokens of whole sentences that a passage repeats from the one before.", min=0)
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first file in a folder that can't be read.")
]
Smooth = Annotated[bool, typer.Option(help="Move each document's vector towards its nearest neighbours'.")]


class Encoding(NamedTuple):
    """The options of encoding, which `drama index CORPUS --model` has too."""

    dim: int | None = None
    dtype: str = "float32"
    max_length: int | None = None
    whole: bool = False
    overlap: int = 0
    strict: bool = False
    smooth: bool = False


def encode(
    model: Annotated[
        str, typer.Argument(help="A retriever folder, short name, hub id, or http://host/v1#model.")
    ],
    corpus: Annotated[str, typer.Argument(help=f"The corpus: {KNOWN_INPUTS}.")],
    out: Annotated[Path, typer.Option(help="Folder of the index.")],
    dim: Dim = None,
    dtype: Dtype = "float32",
    max_length: MaxLength = None,
    whole: Whole = False,
    overlap: Overlap = 0,
    strict: Strict = False,
    smooth: Smooth = False,
) -> None:
    """Encode a corpus. After a kill, or when documents were added, the same command encodes the rest.

    Documents that are longer than the model reads are cut into passages; search finds documents by their best
    one. What is left out is listed beside the index, in OUT.left-out.tsv. `drama index CORPUS --model MODEL`
    does this and makes the index.
    """
    encode_corpus(model, corpus, out, Encoding(dim, dtype, max_length, whole, overlap, strict, smooth))
    typer.echo(str(out))


def encode_corpus(model: str, corpus: str, out: Path, how: Encoding) -> None:
    """Read, cut and encode a corpus, and say what was done."""
    from drama.console import note
    from drama.corpus.duplicates import with_text
    from drama.corpus.passages.settings import ChunkSettings
    from drama.corpus.readers.inputs import check_outside, read_input
    from drama.corpus.readers.tally import Tally, listing
    from drama.errors import DramaError
    from drama.search import SmoothingSettings, encode_for_index

    if how.dtype not in ("float32", "float16"):
        raise DramaError(f"--dtype {how.dtype}: not known", hint="float32 or float16")
    check_outside(corpus, out)
    smoothing = SmoothingSettings() if how.smooth else None
    chunk = ChunkSettings.parse(
        {"tokens": None if how.whole else "auto", "overlap": how.overlap}, where="encode"
    )
    place = out.resolve()  # it may be `.`
    with listing(place.with_name(f"{place.name}.left-out.tsv"), "encode") as listed:
        tally = Tally(listed=listed, strict=how.strict)
        documents = with_text(read_input(corpus, tally), tally)
        counts = encode_for_index(
            model, documents, out, how.dim, how.dtype, how.max_length, smoothing=smoothing, chunk=chunk
        )
    encoded, reused = counts.pop("encoded"), counts.pop("reused")
    for outcome, n in counts.items():
        note(f"  {outcome}: {n}")
    note(f"  encoded {encoded}, reused {reused} passages")
