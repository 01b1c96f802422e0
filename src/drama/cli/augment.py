"""`drama augment`: passages → labelled examples."""

from pathlib import Path
from typing import Annotated

import typer


def augment(
    passages: Annotated[
        Path, typer.Argument(help="passages.parquet that `drama corpus` wrote, or its folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for examples.parquet.")],
    crops: Annotated[int, typer.Option(help="Sentences a document as queries.")] = 1,
    synthesize: Annotated[int, typer.Option(help="Documents that get a query by the LLM.")] = 0,
    llm: Annotated[str, typer.Option(help="The LLM that writes queries.")] = "smollm2-135m",
    retriever: Annotated[
        list[str] | None, typer.Option(help="Labels the queries: bm25 or a model; several are fused.")
    ] = None,
    keep_vectors: Annotated[bool, typer.Option(help="Leave the model's vectors for distillation.")] = False,
    store: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps vectors and the LLM's answers over changed settings."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any key of the augment section: crop.titles=true.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
) -> None:
    """Make queries from unlabelled passages and label them with retrievers."""
    from drama.augment import AugmentSettings
    from drama.augment import augment as run_augment
    from drama.console import note
    from drama.errors import FileError
    from drama.settings import apply_overrides

    if (passages / "passages.parquet").is_file():
        passages = passages / "passages.parquet"
    elif passages.exists() and passages.suffix != ".parquet":
        raise FileError(
            passages, "not a passages .parquet", hint=f"make one: drama corpus {passages} --out DIR"
        )
    values = {
        "crop": {"per_document": crops},
        "synthesize": {"documents": synthesize, "llm": llm},
        "label": {"retrievers": retriever or ["bm25"], "keep_vectors": keep_vectors},
    }
    settings = AugmentSettings.parse(apply_overrides(values, set_ or []), where="augment")
    manifest = run_augment(settings, passages, out, seed, store)
    for outcome, n in manifest.counts.items():
        note(f"  {outcome}: {n}")
    typer.echo(str(out / "examples.parquet"))
