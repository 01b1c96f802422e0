"""`drama augment`: passages → labelled examples."""

from pathlib import Path
from typing import Annotated, Any

import typer


def augment(
    passages: Annotated[
        Path, typer.Argument(help="passages.parquet that `drama corpus` wrote, or its folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for examples.parquet.")],
    kinds: Annotated[
        str | None,
        typer.Option(
            help="Make only these kinds of rows, such as sent,qgen,rerank; an unknown name lists all of them."
        ),
    ] = None,
    crops: Annotated[
        int | None, typer.Option(help="Sentences of each document that become queries; default: 1.", min=0)
    ] = None,
    synthesize: Annotated[
        int | None,
        typer.Option(help="Documents that the LLM writes queries for; all of them with --kinds qgen.", min=0),
    ] = None,
    llm: Annotated[
        str | None,
        typer.Option(help="LLM that writes and reranks: a model's name or folder, or http://host/v1#model."),
    ] = None,
    retriever: Annotated[
        list[str] | None,
        typer.Option(
            help="Labels the queries: bm25, lsa or a model. Repeat it to fuse several; default: bm25."
        ),
    ] = None,
    keep_vectors: Annotated[bool, typer.Option(help="Keep the model's vectors for distillation.")] = False,
    store: Annotated[
        Path | None,
        typer.Option(help="Folder for vectors and the LLM's answers, to be reused with other settings."),
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
        typer.Option(help="Show what will be trained on, with samples; a finished run is not recomputed."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of every draw.", min=0)] = 0,
) -> None:
    """Make queries from unlabelled passages and label them with retrievers."""
    from drama.augment import AugmentSettings, show
    from drama.augment import augment as run_augment
    from drama.console import note, printable
    from drama.errors import DramaError, FileError
    from drama.settings import apply_overrides
    from drama.workspace import read_manifest

    examples = out / "examples.parquet"
    before = read_manifest(out) if describe else None
    if before is not None and (before.stage, before.status) == ("augment", "complete"):
        note(f"{out}: shown as it is; without --describe it is rebuilt where settings have changed")
        for line in show(out, before):
            typer.echo(printable(line))
        typer.echo(str(examples))
        return
    if (passages / "passages.parquet").is_file():
        passages = passages / "passages.parquet"
    elif passages.exists() and passages.suffix != ".parquet":
        raise FileError(
            passages, "not a passages .parquet", hint=f"make one: drama corpus {passages} --out DIR"
        )
    values = {
        **_sections(kinds, crops, synthesize, llm, passages),
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
        for line in show(out, manifest):
            typer.echo(printable(line))
    typer.echo(str(examples))


def _sections(
    names: str | None, crops: int | None, synthesize: int | None, llm: str | None, passages: Path
) -> dict[str, dict[str, Any]]:
    """The sections that make these kinds; without names, crops and as many written queries as requested."""
    from drama.augment import RerankSettings, SynthesizeSettings
    from drama.augment.kinds import BY_NAME, MAKERS, RERANK, RERANKABLE
    from drama.errors import DramaError
    from drama.records import count_passages

    llm = llm or SynthesizeSettings().llm
    kinds = ["sent", "qgen"]
    if names is None:
        synthesize = synthesize or 0
    else:
        kinds = [name.strip() for name in names.split(",")]
        unknown = [kind for kind in kinds if kind not in BY_NAME]
        if unknown:
            raise DramaError(f"--kinds: no kind '{unknown[0]}'", hint=f"there are: {', '.join(BY_NAME)}")
        for option, value, kind in (("--crops", crops, "sent"), ("--synthesize", synthesize, "qgen")):
            if value is not None and kind not in kinds:
                raise DramaError(f"{option} is for {kind}, which --kinds does not name", hint=f"add {kind}")
            if value == 0:
                raise DramaError(f"{option} 0: no {kind} would be made", hint=f"leave {kind} out of --kinds")
    documents = synthesize if synthesize is not None else count_passages(passages)
    values = {section: maker.only(kinds, documents, llm) for section, maker in MAKERS.items()}
    if crops is not None:
        values["crop"]["per_document"] = crops
    if RERANK in kinds:
        queries = [kind for kind in RERANKABLE if kind in kinds]
        if not queries:
            raise DramaError("--kinds: rerank has no queries", hint=f"add {' or '.join(RERANKABLE)}")
        values["rerank"] = RerankSettings.only(queries, llm)
    return values
