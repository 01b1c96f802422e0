"""`drama evaluate`: a model on judged collections."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    model: Annotated[
        str, typer.Argument(help="`bm25`, `lsa`, a folder, a short name, a hub id, or http://host/v1#model.")
    ],
    collections: Annotated[list[str], typer.Argument(help="BEIR folders.")],
    out: Annotated[Path, typer.Option(help="Results file; runs and vectors are written next to it.")] = Path(
        "results.json"
    ),
    split: Annotated[str, typer.Option(help="Split of the judgments.")] = "test",
    dim: Annotated[
        list[int] | None, typer.Option(help="Also report at this Matryoshka dimension. Repeatable.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Truncate texts to this many tokens.", min=4)] = None,
    chunk_tokens: Annotated[
        int | None,
        typer.Option(
            help="Cut longer documents into passages of this many tokens; each counts by its best one. "
            "Default: whole documents, cut off where the model stops reading.",
            min=16,
        ),
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="The model whose tokens are counted; default: MODEL.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="Precision of matrix products: fp32, bf16 or auto.")
    ] = "fp32",
    fuse_bm25: Annotated[bool, typer.Option(help="Also report the fusion with BM25.")] = False,
    exclude_self: Annotated[
        bool, typer.Option(help="Ignore hits whose document id is the query's id (as for ArguAna).")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print results.json on stdout.")] = False,
) -> None:
    """Rank judged collections and measure as trec_eval does."""
    import json as json_module

    from drama.errors import FileError
    from drama.evaluate import EvaluateSettings
    from drama.evaluate import evaluate as run_evaluate
    from drama.files import read_json, remove_leftovers, write_json
    from drama.report import print_results

    if out.is_dir():
        raise FileError(out, "is a folder", hint="--out names the results file, such as results.json")
    models = [model] if model == "bm25" or not fuse_bm25 else ["bm25", model]
    settings = EvaluateSettings.parse(
        {
            "models": models,
            "collections": collections,
            "split": split,
            "dims": dim or [],
            "max_length": max_length,
            "chunk": {
                "tokens": chunk_tokens,
                "tokenizer": tokenizer if chunk_tokens is None else tokenizer or model,
            },
            "precision": precision,
            "exclude_self": exclude_self,
            "fusion": {"models": [model] if fuse_bm25 and model != "bm25" else []},
        },
        where="evaluate",
    )
    folder = out.with_name(out.stem + ".runs")
    run_evaluate(settings, folder, store=out.with_name(out.stem + ".embeddings"))
    results = read_json(folder / "results.json")
    for row in results["results"]:
        row["run"] = f"{folder.name}/{row['run']}"  # relative to the results file
    remove_leftovers(out.parent, of=out.name)
    write_json(out, results)
    if json:
        typer.echo(json_module.dumps(results, ensure_ascii=False))
    else:
        print_results(results["results"])
