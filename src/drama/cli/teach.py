"""`drama teach`: an LLM as a dense retriever, by LoRA on judged queries."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

LABEL: dict[str, Any] = {
    "retrievers": ["bm25"],
    "positive_ranks": None,
    "negative_ranks": [1, 50],
    "scale_to_corpus": False,
}
TRAIN: dict[str, Any] = {
    "batch": {"negatives": 15, "query_length": 32, "document_length": 196},
    "optimiser": {"learning_rate": 1e-4},
    "loss": {"temperature": 0.01},
    "lora": {"rank": 32, "alpha": 64.0},
}
"""RepLLaMA (Ma et al. 2023, section 3), as the paper uses it for its teacher (section 3)."""


def teach(
    llm: Annotated[str, typer.Argument(help="A decoder LLM: folder, short name, GGUF file or hub id.")],
    collections: Annotated[list[Path], typer.Argument(help="BEIR folders whose judgments are trained on.")],
    out: Annotated[Path, typer.Option(help="Folder for the stages and the model.")],
    split: Annotated[str, typer.Option(help="Split of the judgments; never a test split.")] = "train",
    pooling: Annotated[
        Literal["last", "mean"], typer.Option(help="last: the state of EOS, causal; mean: bidirectional.")
    ] = "last",
    steps: Annotated[int, typer.Option(help="Updates.", min=1)] = 200,
    examples: Annotated[
        Path | None,
        typer.Option(
            help="Improvement round: add the reranked rows of this examples.parquet to the judged queries."
        ),
    ] = None,
    passages: Annotated[
        Path | None, typer.Option(help="The passages.parquet that --examples refers to.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any key of the train section: batch.negatives=15.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
) -> None:
    """Fine-tune an LLM as a retriever that labels corpora: LoRA, InfoNCE, BM25's best as hard negatives."""
    from drama.augment import AugmentSettings, add_preferences, augment
    from drama.console import note
    from drama.corpus import CorpusSettings, build_corpus
    from drama.errors import DramaError
    from drama.files import writing
    from drama.models import resolve
    from drama.settings import apply_overrides
    from drama.train import TrainSettings
    from drama.train import train as run_train

    if (examples is None) != (passages is None):
        raise DramaError("teach: --examples and --passages go together", hint="name both files")
    places = [str(folder) for folder in collections]
    retriever = {
        "pooling": pooling,
        "bidirectional": pooling == "mean",
        "query_prefix": "query: ",
        "document_prefix": "passage: ",
    }
    values = apply_overrides({**TRAIN, "steps": steps, "retriever": retriever}, set_ or [])
    train = TrainSettings.parse(values, where="train")
    supervised = {"collections": places, "split": split}
    label = AugmentSettings.parse(
        {"crop": {"per_document": 0}, "supervised": supervised, "label": LABEL}, "augment"
    )
    folder = resolve(llm)
    with writing(out):
        build_corpus(CorpusSettings.parse({"inputs": places}, where="corpus"), out / "corpus", seed)
        judged = out / "augment" / "examples.parquet", out / "corpus" / "passages.parquet"
        augment(label, judged[1], out / "augment", seed)
        if examples is not None and passages is not None:
            mixed = out / "preferences"
            add_preferences(*judged, examples, passages, mixed, seed)
            judged = mixed / "examples.parquet", mixed / "passages.parquet"
        manifest = run_train(train, folder, judged[1], judged[0], out / "train", seed)
    for name, value in manifest.figures.items():
        note(f"  {name}: {value}")
    typer.echo(str(out / "train" / "model"))
