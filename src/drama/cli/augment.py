"""`drama augment`: passages → labelled examples."""

from pathlib import Path
from typing import Annotated, Any

import typer

_KINDS = ("sent", "title", "qgen", "rerank", "triplet")
_TRIPLETS = 100


def augment(
    passages: Annotated[
        Path, typer.Argument(help="passages.parquet that `drama corpus` wrote, or its folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for examples.parquet.")],
    kinds: Annotated[
        str | None,
        typer.Option(help="Of sent, title, qgen, rerank, triplet, with commas: these, and no others."),
    ] = None,
    crops: Annotated[
        int | None, typer.Option(help="Sentences a document as queries: 1 unless told.", min=0)
    ] = None,
    synthesize: Annotated[
        int | None, typer.Option(help="Documents that get a query by the LLM; of `--kinds qgen` all.", min=0)
    ] = None,
    llm: Annotated[
        str | None,
        typer.Option(help="The LLM that writes and reranks: smollm2-135m, a model, or http://host/v1#model."),
    ] = None,
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
    supervised: Annotated[
        list[Path] | None,
        typer.Option(help="A BEIR folder with a train split, whose documents are among the passages."),
    ] = None,
    describe: Annotated[
        bool,
        typer.Option(help="Show what will be trained on, with samples; what is done is shown as it stands."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
) -> None:
    """Make queries from unlabelled passages and label them with retrievers."""
    from drama.augment import AugmentSettings
    from drama.augment import augment as run_augment
    from drama.console import note
    from drama.errors import DramaError, FileError
    from drama.settings import apply_overrides
    from drama.workspace import read_manifest

    before = read_manifest(out) if describe else None
    if before is not None and (before.stage, before.status) == ("augment", "complete"):
        note(f"{out}: shown as it stands; without --describe it is made anew where settings have changed")
        _show(out / "examples.parquet", Path(before.paths["passages"]), before.seed)
        typer.echo(str(out / "examples.parquet"))
        return
    if (passages / "passages.parquet").is_file():
        passages = passages / "passages.parquet"
    elif passages.exists() and passages.suffix != ".parquet":
        raise FileError(
            passages, "not a passages .parquet", hint=f"make one: drama corpus {passages} --out DIR"
        )
    values = {
        **_kinds(kinds, crops, synthesize, llm, passages),
        "label": {"retrievers": retriever or ["bm25"], "keep_vectors": keep_vectors},
        "supervised": {"collections": list(map(str, supervised or []))},
    }
    settings = AugmentSettings.parse(apply_overrides(values, set_ or []), where="augment")
    if llm is not None and llm not in settings.llms():
        raise DramaError(
            f"--llm {llm}: nothing here asks an LLM",
            hint="add --synthesize N, or --kinds with qgen or rerank",
        )
    manifest = run_augment(settings, passages, out, seed, store)
    for outcome, n in manifest.counts.items():
        note(f"  {outcome}: {n}")
    if describe:
        _show(out / "examples.parquet", passages, seed)
    typer.echo(str(out / "examples.parquet"))


def _kinds(
    kinds: str | None, crops: int | None, synthesize: int | None, llm: str | None, passages: Path
) -> dict[str, dict[str, Any]]:
    """The sections that make the kinds; without any, as many crops and written queries as are asked for."""
    from drama.augment import SynthesizeSettings

    llm = llm or SynthesizeSettings().llm
    if kinds is None:
        crop = {"per_document": 1 if crops is None else crops}
        return {"crop": crop, "synthesize": {"documents": synthesize or 0, "llm": llm}}
    from drama.errors import DramaError
    from drama.llm import is_server, is_vllm
    from drama.records import count_passages

    asked = [kind.strip() for kind in kinds.split(",")]
    unknown = [kind for kind in asked if kind not in _KINDS]
    if unknown:
        raise DramaError(f"--kinds: no kind '{unknown[0]}'", hint=f"there are: {', '.join(_KINDS)}")
    for option, value, kind in (("--crops", crops, "sent"), ("--synthesize", synthesize, "qgen")):
        if value is not None and kind not in asked:
            raise DramaError(f"{option} is for {kind}, which --kinds does not name", hint=f"add {kind}")
        if value == 0:
            raise DramaError(f"{option} 0: no {kind} would be made", hint=f"leave {kind} out of --kinds")
    queries = [kind for kind in ("qgen", "sent", "title") if kind in asked]
    if "rerank" in asked and not queries:
        raise DramaError("--kinds: rerank has no queries to rerank", hint="add qgen, sent or title")
    written = (synthesize or count_passages(passages)) if "qgen" in asked else 0
    values: dict[str, dict[str, Any]] = {
        "crop": {"per_document": (crops or 1) if "sent" in asked else 0, "titles": "title" in asked},
        "synthesize": {"documents": written, "llm": llm},
    }
    if "triplet" in asked:
        values["triplets"] = {"count": _TRIPLETS, "llm": llm}
    if "rerank" in asked:
        # What runs in this process is small as a rule: it would write no ranking, and take long for it.
        method = "listwise" if is_server(llm) or is_vllm(llm) else "likelihood"
        values["rerank"] = {"method": method, "llm": llm, "kinds": queries[:1]}
    return values


def _show(examples: Path, passages: Path, seed: int) -> None:
    """A table of the rows by source, kind and language, and two of each, to stdout."""
    from drama.augment import describe
    from drama.language import count_words, cut_words
    from drama.records import WRITTEN, read_passages

    written = examples.with_name(WRITTEN)
    places = [passages, written] if written.is_file() else [passages]
    words = {d.id: count_words(d.full_text) for place in places for d in read_passages(place)}
    groups = describe(examples, words, samples=2, seed=seed)
    shown = {i for g in groups for e in g.samples for i in (*e.positive_ids[:1], *e.negative_ids[:1])}
    texts = {d.id: d.full_text for place in places for d in read_passages(place) if d.id in shown}
    rows = [list(group.figures().values()) for group in groups]
    header = ["source", "kind", "lang", "rows", "words a query", "a positive", "positives", "negatives"]
    cells = [header, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        named = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
        counted = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        typer.echo("  ".join(named + counted))
    for group in groups:
        typer.echo(f"\n{group.source} {group.kind} {group.lang}")
        for example in group.samples:
            typer.echo(f"  ? {example.query}")
            for sign, ids in (("+", example.positive_ids), ("-", example.negative_ids)):
                if ids:
                    typer.echo(f"  {sign} [{ids[0]}] {cut_words(texts[ids[0]], 25)}")
