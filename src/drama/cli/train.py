"""`drama train`: contrastive training from labelled examples."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    backbone: Annotated[str, typer.Argument(help="A causal LM: folder, short name, GGUF file or hub id.")],
    passages: Annotated[Path, typer.Option(help="passages.parquet of the corpus.")],
    out: Annotated[Path, typer.Option(help="Folder for the model, checkpoints and events.")],
    examples: Annotated[
        Path | None, typer.Option(help="examples.parquet that `drama augment` wrote; none with steps 0.")
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(help="Folder with the labelling model's vectors, for distillation or train.static."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Number of updates.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Queries per step.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any key of the train section: optimiser.learning_rate=1e-4."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of batches and draws.", min=0)] = 0,
) -> None:
    """Train a retriever: InfoNCE, hard and in-batch negatives, Matryoshka."""
    from drama.console import note
    from drama.errors import DramaError
    from drama.models import resolve
    from drama.settings import apply_overrides
    from drama.train import TrainSettings
    from drama.train import train as run_train

    given = {"steps": steps, "batch.size": batch_size}
    options = [f"{key}={value}" for key, value in given.items() if value is not None]
    values = apply_overrides({}, [*options, *(set_ or [])])
    settings = TrainSettings.parse(values, where="train")
    if teacher is not None and not settings.needs_vectors:
        raise DramaError(
            "--teacher: nothing here learns from its vectors",
            hint="set a weight of loss.distill, or static, or leave it out",
        )
    manifest = run_train(settings, resolve(backbone), passages, examples, out, seed, teacher)
    for name, value in manifest.figures.items():
        note(f"  {name}: {value}")
    typer.echo(str(out / "model"))
