"""`drama teach`: an LLM as a dense retriever, by LoRA on cropped sentences and judged queries."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

LABEL: dict[str, Any] = {
    "retrievers": ["bm25"],
    "positive_ranks": None,
    "negative_ranks": [1, 50],
    "scale_to_corpus": False,
}
PREFIXES = {"query_prefix": "query: ", "document_prefix": "passage: "}
LORA = {"rank": 32, "alpha": 64.0}
PRESETS: dict[str, dict[str, Any]] = {
    "small": {
        "retriever": {"pooling": "mean", "bidirectional": True, **PREFIXES},
        "batch": {"size": 32, "negatives": 0, "query_length": 32, "document_length": 64},
        "optimiser": {"learning_rate": 5e-4},
        "loss": {"temperature": 0.05},
        "lora": LORA,
    },
    "repllama": {
        "retriever": {"pooling": "last", "bidirectional": False, **PREFIXES},
        "batch": {"negatives": 15, "query_length": 32, "document_length": 196},
        "optimiser": {"learning_rate": 1e-4},
        "loss": {"temperature": 0.01},
        "lora": LORA,
    },
}
"""The train section of each preset. `repllama`: Ma et al. 2023, section 3, as the paper uses it for its
teacher (section 3). `small`: what a small LLM learns from in minutes on a CPU (docs/augment.md)."""


def teach(
    llm: Annotated[str, typer.Argument(help="A decoder LLM: folder, short name, GGUF file or hub id.")],
    out: Annotated[Path, typer.Option(help="Folder for the stages and the model.")],
    collections: Annotated[
        list[Path] | None, typer.Argument(help="BEIR folders whose judgments are trained on.")
    ] = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(help="Texts without judgments, whose sentences are queries. Repeatable."),
    ] = None,
    preset: Annotated[
        Literal["small", "repllama"],
        typer.Option(help="small: minutes on a CPU; repllama: the paper's, for a large LLM on a GPU."),
    ] = "small",
    split: Annotated[str, typer.Option(help="Split of the judgments; never a test split.")] = "train",
    crops: Annotated[
        int | None,
        typer.Option(help="Sentences a document that are queries; default: 1, repllama 0.", min=0),
    ] = None,
    steps: Annotated[int, typer.Option(help="Updates.", min=1)] = 300,
    examples: Annotated[
        Path | None,
        typer.Option(help="Improvement round: add the reranked rows of this examples.parquet."),
    ] = None,
    passages: Annotated[
        Path | None, typer.Option(help="The passages.parquet that --examples refers to.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any key of the train section: batch.negatives=15.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of every draw.", min=0)] = 0,
) -> None:
    """Fine-tune an LLM as a retriever that labels corpora: LoRA and InfoNCE, with or without judgments."""
    from drama.augment import AugmentSettings, add_preferences, augment
    from drama.console import note
    from drama.corpus import CorpusSettings, build_corpus
    from drama.errors import DramaError
    from drama.files import writing
    from drama.models import resolve
    from drama.settings import apply_overrides
    from drama.train import TrainSettings
    from drama.train import train as run_train

    judged = [str(folder) for folder in collections or []]
    inputs = [*judged, *(corpus or [])]
    if not inputs:
        raise DramaError(
            "teach: nothing to learn from", hint="name BEIR folders with judgments, or texts with --corpus"
        )
    if (examples is None) != (passages is None):
        raise DramaError("teach: --examples and --passages go together", hint="name both files")
    crops = (0 if preset == "repllama" else 1) if crops is None else crops
    if not crops and not judged:
        raise DramaError(
            "teach: without judgments there are no queries but sentences", hint="give --crops 1 or more"
        )
    values = apply_overrides({**PRESETS[preset], "steps": steps}, set_ or [])
    train = TrainSettings.parse(values, where="train")
    label = AugmentSettings.parse(
        {
            "crop": {"per_document": crops},
            "supervised": {"collections": judged, "split": split},
            "label": LABEL,
        },
        "augment",
    )
    folder = resolve(llm)
    with writing(out):
        build_corpus(CorpusSettings.parse({"inputs": inputs}, where="corpus"), out / "corpus", seed)
        rows = out / "augment" / "examples.parquet", out / "corpus" / "passages.parquet"
        augment(label, rows[1], out / "augment", seed)
        if examples is not None and passages is not None:
            mixed = out / "preferences"
            add_preferences(*rows, examples, passages, mixed, seed)
            rows = mixed / "examples.parquet", mixed / "passages.parquet"
        manifest = run_train(train, folder, rows[1], rows[0], out / "train", seed)
    for name, value in manifest.figures.items():
        note(f"  {name}: {value}")
    typer.echo(str(out / "train" / "model"))
