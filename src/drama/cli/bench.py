"""`drama bench`: benchmarks against peers."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Precision = Literal["fp32", "bf16"]


def bench(
    name: Annotated[str, typer.Argument(help="Which benchmark; `list` names them.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME.json.")] = Path("benchmarks/results"),
    rounds: Annotated[int, typer.Option(help="Alternating rounds.", min=1)] = 3,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Corpora for `train` and `prune`, BEIR folders and the like."),
    ] = None,
    precision: Annotated[Precision, typer.Option(help="Of all trainers in `train`.")] = "fp32",
    parent: Annotated[str, typer.Option(help="What `prune` cuts.")] = "smollm2-135m",
    methods: Annotated[
        str, typer.Option(help="Those that `prune` runs, with commas between.")
    ] = "uniform,importance,depth,shearing,torch-pruning,torch-pruning-taylor",
    tokens: Annotated[int, typer.Option(help="What each method may read in `prune`.", min=1)] = 60_000,
) -> None:
    """Run a benchmark side by side with its peer and keep the raw figures."""
    import drama_bench

    if name == "list":
        for known, about in drama_bench.available().items():
            typer.echo(f"{known:12} {about}")
        return
    corpora = data or ["python-docs"]
    result = drama_bench.run(name, out, rounds, corpora, precision, parent, methods.split(","), tokens)
    typer.echo(str(result))
