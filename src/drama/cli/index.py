"""`drama index`: a corpus, or vectors that are there already, become an index."""

from pathlib import Path
from typing import Annotated

import typer

from drama.cli.encode import Dim, Dtype, Encoding, MaxLength, Overlap, Smooth, Strict, Whole, encode_corpus
from drama.corpus.readers.formats import KNOWN_INPUTS


def index(
    source: Annotated[
        str, typer.Argument(help=f"With --model, a corpus: {KNOWN_INPUTS}; else what `drama encode` wrote.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Encode the corpus with this model, as `drama encode` does.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the index, with --model.")] = None,
    kind: Annotated[
        str, typer.Option(help="Kind of index, by default exact search; an unknown name lists all.")
    ] = "exact",
    words: Annotated[bool, typer.Option(help="Keep BM25 in the index, for hybrid search.")] = True,
    dim: Dim = None,
    dtype: Dtype = "float32",
    max_length: MaxLength = None,
    whole: Whole = False,
    overlap: Overlap = 0,
    strict: Strict = False,
    smooth: Smooth = False,
) -> None:
    """Make a corpus searchable; after a kill, or when documents changed, the same command does the rest.

    `drama index CORPUS --model MODEL --out DIR` encodes and builds. Without --model the folder holds the
    vectors already, and the options of encoding don't apply.
    """
    from drama.errors import DramaError
    from drama.search import build_index
    from drama.search.indexes import KINDS

    how = Encoding(dim, dtype, max_length, whole, overlap, strict, smooth)
    if kind not in KINDS:
        raise DramaError(f"no kind of index '{kind}'", hint=f"kinds: {', '.join(KINDS)}")
    if model is None:
        if out is not None or how != Encoding():
            raise DramaError(
                "options of encoding, but no model", hint="drama index CORPUS --model MODEL --out DIR"
            )
        folder = Path(source)
    else:
        if out is None:
            raise DramaError("--out is missing: the folder of the index")
        encode_corpus(model, source, out, how)
        folder = out
    typer.echo(f"{folder}: {build_index(folder, kind, words)} documents")
