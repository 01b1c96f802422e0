"""`drama bench`: benchmarks against peers, and of our own parts."""

from pathlib import Path
from typing import Annotated, Literal

import typer

bench = typer.Typer(no_args_is_help=True)

Precision = Literal["fp32", "bf16"]
Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Rounds = Annotated[int, typer.Option(help="Alternating rounds.", min=1)]
Data = Annotated[list[str] | None, typer.Option(help="Corpora, as in corpus.inputs. Repeatable.")]
OfAll = Annotated[Precision, typer.Option(help="Precision of ours and of all peers.")]
Llm = Annotated[str, typer.Option(help="The LLM: a model's name, or a server's address.")]
Seed = Annotated[int, typer.Option(help="Seed of all random choices.")]
RESULTS = Path("benchmarks/results")
PYTHON_DOCS = "python-docs"


@bench.callback()
def about() -> None:
    """Benchmarks against peers, and of our own parts. All keep their raw measurements."""


@bench.command()
def encode(out: Out = RESULTS, rounds: Rounds = 3) -> None:
    """Documents/s of our encoder, with and without fused layers, and of sentence-transformers."""
    from drama_bench.encode import bench_encode

    typer.echo(str(bench_encode(out, rounds)))


@bench.command()
def train(out: Out = RESULTS, rounds: Rounds = 3, data: Data = None, precision: OfAll = "fp32") -> None:
    """Pairs/s, peak memory and loss of our trainer, sentence-transformers' and Tevatron's."""
    from drama_bench.train import bench_train

    typer.echo(str(bench_train(out, rounds, data or [PYTHON_DOCS], precision)))


@bench.command()
def generate(out: Out = RESULTS, rounds: Rounds = 3, data: Data = None, precision: OfAll = "fp32") -> None:
    """Queries/s of our LLM engine in batches, and of transformers with one request at a time."""
    from drama_bench.generate import bench_generate

    typer.echo(str(bench_generate(out, rounds, data or [PYTHON_DOCS], precision)))


@bench.command()
def yields(
    corpora: Annotated[list[str], typer.Argument(help="Corpora whose documents name their language.")],
    llm: Llm = "smollm2-135m",
    prompt: Annotated[list[str] | None, typer.Option(help="Prompt. Repeatable.")] = None,
    documents: Annotated[int, typer.Option(help="Documents per language.", min=1)] = 100,
    out: Out = RESULTS,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any other key of augment.synthesize: batch_size=32.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """How many of an LLM's answers are usable queries, by prompt and language. Resumes if interrupted."""
    from drama.augment import SynthesizeSettings
    from drama.settings import apply_overrides
    from drama_bench.yields import bench_yields

    values = {"llm": llm, "prompts": prompt or ["question"], "documents": documents}
    settings = SynthesizeSettings.parse(apply_overrides(values, set_ or []), where="synthesize")
    for path in bench_yields(corpora, settings, out, seed):
        typer.echo(str(path))


@bench.command()
def rerank(
    collections: Annotated[list[str], typer.Argument(help="Judged collections, BEIR folders.")],
    method: Annotated[
        list[str] | None,
        typer.Option(help="likelihood, listwise or first_identifier; by default all. Repeatable."),
    ] = None,
    llm: Llm = "smollm2-135m",
    queries: Annotated[
        int | None, typer.Option(help="Queries per collection; by default all.", min=1)
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the judgments.")] = "test",
    out: Out = RESULTS,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any other key of augment.rerank: text_words=100.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """nDCG@10 of BM25's top hits before and after reranking by an LLM. Resumes if interrupted."""
    from drama.augment.rerank import METHODS, RerankSettings
    from drama.settings import apply_overrides
    from drama_bench.rerank import bench_rerank

    settings = [
        RerankSettings.parse(
            apply_overrides({"method": each, "llm": llm, "queries": queries}, set_ or []), where="rerank"
        )
        for each in method or METHODS
    ]
    for path in bench_rerank(collections, settings, out, split, seed):
        typer.echo(str(path))


@bench.command()
def prune(
    out: Out = RESULTS,
    data: Data = None,
    parent: Annotated[str, typer.Option(help="The LLM to prune.")] = "smollm2-135m",
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="A method of prune, torch-pruning or torch-pruning-taylor; by default all but first."
        ),
    ] = None,
    tokens: Annotated[int, typer.Option(help="Token budget of each method.", min=1)] = 60_000,
    judged: Annotated[
        list[str] | None,
        typer.Option(help="BEIR folders to retrieve in; default: known items of the corpus, if it has any."),
    ] = None,
    contrastive_steps: Annotated[
        int, typer.Option(help="Steps of contrastive training, the same for all.", min=1)
    ] = 40,
) -> None:
    """Held-out perplexity after pruning and recovery, by our methods and by Torch-Pruning; nDCG@10 after a
    short contrastive training of each. Resumes if interrupted."""
    from drama_bench.prune import PEERS, bench_prune

    methods = method or ["uniform", "importance", "depth", "shearing", *PEERS]
    texts = data or [PYTHON_DOCS]
    path = bench_prune(out, texts, parent, methods, tokens, judged or (), contrastive_steps)
    typer.echo(str(path))


@bench.command()
def shearing(
    out: Out = RESULTS,
    rounds: Rounds = 3,
    data: Data = None,
    parent: Annotated[str, typer.Option(help="The LLM whose masks are learnt.")] = "smollm2-135m",
    batch_size: Annotated[int, typer.Option(help="Rows per step.", min=1)] = 8,
    length: Annotated[int, typer.Option(help="Tokens per row.", min=8)] = 64,
    steps: Annotated[int, typer.Option(help="Steps per process; the first is not timed.", min=2)] = 5,
) -> None:
    """Step time and peak memory of mask learning, against plain LM training of the same parent."""
    from drama_bench.shearing import bench_shearing

    texts = data or [PYTHON_DOCS]
    typer.echo(str(bench_shearing(out, rounds, texts, parent, batch_size, length, steps)))


@bench.command()
def speed(
    model: Annotated[list[str], typer.Argument(help="Names or folders; the ratios are to the last.")],
    corpus: Annotated[Path, typer.Option(help="corpus.jsonl of a BEIR folder.")],
    documents: Annotated[int, typer.Option(help="Drawn from the corpus.", min=1)] = 512,
    max_length: Annotated[int, typer.Option(help="Cut texts to this many tokens.", min=4)] = 256,
    out: Out = RESULTS,
    rounds: Rounds = 3,
) -> None:
    """Documents/s and time of one query, of several models on the same texts."""
    from drama_bench.speed import bench_speed

    typer.echo(str(bench_speed(model, corpus, out, rounds, documents, max_length)))


@bench.command()
def student(
    data: Annotated[Path, typer.Option(help="A folder with collections/ (BEIR folders) and corpora/.")],
    work: Annotated[Path, typer.Option(help="Corpora, runs and vectors: large, outside the repository.")],
    arm: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=RECIPE, or NAME=RECIPE,key=value,…: a student. None: baselines only. Repeatable."
        ),
    ] = None,
    size: Annotated[str, typer.Option(help="alone: each collection; mixed: all in one corpus.")] = "mixed",
    collection: Annotated[
        list[str] | None, typer.Option(help="Collections; by default eight in two halves. Repeatable.")
    ] = None,
    teacher: Annotated[list[str] | None, typer.Option(help="Models to compare with. Repeatable.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seeds of each arm. Repeatable.")] = None,
    documents: Annotated[int, typer.Option(help="Documents of the mixed corpus.", min=1)] = 20_000,
    out: Out = RESULTS,
) -> None:
    """Students against all that costs nothing, on collections that no setting was chosen on. Resumes."""
    from drama_bench.student import bench_student
    from drama_bench.student.bench import arm_of
    from drama_bench.student.worlds import HALVES

    names = collection or [*HALVES["a"], *HALVES["b"]]
    arms = [arm_of(text) for text in arm or []]
    teachers = teacher or ["all-minilm-l6-v2"]
    typer.echo(str(bench_student(data, work, out, arms, names, size, seed or [1], teachers, documents)))


@bench.command()
def quality(
    data: Annotated[Path, typer.Option(help="A folder with collections/ (BEIR folders).")],
    work: Annotated[Path, typer.Option(help="Vectors and runs: large, outside the repository.")],
    collection: Annotated[list[str], typer.Option(help="Collections. Repeatable.")],
    model: Annotated[list[str] | None, typer.Option(help="Dense models. Repeatable.")] = None,
    out: Out = RESULTS,
    seed: Seed = 13,
) -> None:
    """The order of systems by pseudo-queries against that by judgments. Resumes."""
    from drama_bench.quality import bench_quality

    models = model or ["all-minilm-l6-v2", "multilingual-e5-small"]
    typer.echo(str(bench_quality(data, collection, models, work, out, seed)))


@bench.command()
def serve(
    index: Annotated[Path, typer.Argument(help="An index whose model sentence-transformers can load.")],
    queries: Annotated[Path, typer.Option(help="queries.jsonl of a BEIR folder.")],
    seconds: Annotated[float, typer.Option(help="Of each measurement.", min=1)] = 10.0,
    rounds: Rounds = 2,
    out: Out = RESULTS,
) -> None:
    """Requests/s and waiting times of `drama serve` and of a sentence-transformers server of 30 lines, with
    1, 8 and 64 clients; a flood past capacity; memory."""
    from drama_bench.serve import bench_serve

    typer.echo(str(bench_serve(index, queries, out, rounds, seconds)))
