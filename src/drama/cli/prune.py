"""`drama prune`: cut a smaller causal LM out of a larger one."""

from pathlib import Path
from typing import Annotated

import typer


def prune(
    parent: Annotated[str, typer.Argument(help="A causal LM: folder, short name, GGUF file or hub id.")],
    data: Annotated[
        list[str], typer.Option(help="Text to prune with: a corpus as `drama corpus` takes it. Repeatable.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    layers: Annotated[int | None, typer.Option(help="Layers to keep.")] = None,
    hidden: Annotated[int | None, typer.Option(help="Width of the residual stream.")] = None,
    heads: Annotated[int | None, typer.Option(help="Query heads.")] = None,
    kv_heads: Annotated[int | None, typer.Option(help="Key-value heads.")] = None,
    intermediate: Annotated[int | None, typer.Option(help="MLP neurons.")] = None,
    method: Annotated[
        str, typer.Option(help="shearing, importance, first, depth or uniform.")
    ] = "importance",
    tokens: Annotated[
        int | None, typer.Option(help="Token budget of scoring, mask learning and recovery together.")
    ] = None,
    recovery_steps: Annotated[
        int | None, typer.Option(help="Updates with LM loss and KL to the parent; not with --tokens.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any key of the prune section: gqa=expanded.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice and order of texts.")] = 0,
) -> None:
    """Prune a decoder LLM to an exact shape, and recover its quality by further LM training."""
    from contextlib import nullcontext

    from drama.compute import World
    from drama.console import note
    from drama.corpus import CorpusSettings, build_corpus
    from drama.files import writing
    from drama.prune import PruneSettings
    from drama.prune import prune as run_prune
    from drama.settings import apply_overrides

    values = {
        "parent": parent,
        "shape": {
            "layers": layers,
            "hidden": hidden,
            "heads": heads,
            "kv_heads": kv_heads,
            "intermediate": intermediate,
        },
        "method": method,
        "tokens": tokens,
        "recovery": {} if recovery_steps is None else {"steps": recovery_steps},
    }
    settings = PruneSettings.parse(apply_overrides(values, set_ or []), where="prune")
    world = World.join()
    with writing(out) if world.is_main else nullcontext():
        if world.is_main:
            build_corpus(CorpusSettings.parse({"inputs": data}, where="--data"), out / "corpus", seed)
        world.barrier()
        manifest = run_prune(settings, out / "corpus" / "passages.parquet", out / "prune", seed)
    world.leave()
    if not world.is_main:
        return
    for name, value in manifest.figures.items():
        note(f"  {name}: {value}")
    typer.echo(str(out / "prune" / "model"))
