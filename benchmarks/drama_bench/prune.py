"""Pruning: our methods and Torch-Pruning, from one parent to 50% and 25% of its weights without embeddings.

Every method reads the same number of tokens for calibration, mask learning and recovery together. The rest
of the recovery (loss, rates, rows, seed, the parent as its teacher) is the same for all, and so are the
held-out rows. The shape is the same too, except for `depth`: narrower, with all layers, and with fewer query
heads in each kv group, because that is what Torch-Pruning can do with grouped heads. Then each child is
trained to retrieve, on the same examples for the same number of steps (`drama_bench.prune_retrieval`).

Each run writes `prune/SHARE-METHOD.json` to the folder of results, and its intermediate files to
`prune-work/` there. An interrupted run resumes; one whose file is there with the same settings is skipped.
"""

import json
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from drama.console import note
from drama.corpus import CorpusSettings, build_corpus
from drama.errors import DramaError, MissingExtraError
from drama.files import fingerprint_path, write_json
from drama.models import resolve
from drama.prune import PruneSettings, prune
from drama.prune.learn.domains import Mixture, held_out_losses, mean_loss
from drama.prune.learn.recover import Recovery
from drama.prune.learn.updates import Log, update
from drama.prune.load import load_causal_lm, load_tokenizer, save_causal_lm
from drama.prune.methods import METHODS
from drama.prune.planning import with_budget
from drama.prune.shape.schedule import body_parameters, shape_between
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.text.corpus import calibration_batches
from drama.prune.text.rows import domain_rows
from drama.records import read_passages
from drama.workspace import Manifest, open_stage
from drama.workspace.manifest import machine, versions
from drama_bench.prune_retrieval import Retrieval
from drama_bench.result import write_result
from drama_bench.torch_pruned import Importance, torch_pruned

SHARES = (0.5, 0.25)
PEERS: dict[str, Importance] = {"torch-pruning": "magnitude", "torch-pruning-taylor": "taylor"}
"""Torch-Pruning with an importance: that of its LLM example, and the one that reads texts."""
BATCH_SIZE, LENGTH, SEED = 8, 64, 13
_CALIBRATION = {"documents": 16, "max_length": 128}
Losses = tuple[dict[str, float], float]
"""Held-out losses of the parent, the sliced and the recovered child, and the seconds that it took."""


def bench_prune(
    out: Path,
    data: list[str],
    parent: str,
    methods: Sequence[str],
    tokens: int,
    judged: Sequence[str] = (),
    contrastive_steps: int = 40,
) -> Path:
    """Run what is not there yet; write `prune.json` over all runs of these settings.

    Args:
        out: folder of the results.
        data: English text, as in a recipe's `corpus.inputs`.
        parent: a Llama-like causal LM.
        methods: names of our methods and of `PEERS`.
        tokens: that each method may read.
        judged: BEIR folders for nDCG@10; without one, the corpus's known items, where it has some.
        contrastive_steps: updates of the training for retrieval.

    Raises:
        DramaError: an unknown method, too few tokens, or a collection that can't be read.
        MissingExtraError: torch-pruning is requested and not installed.
    """
    unknown = [name for name in methods if name not in (*METHODS, *PEERS)]
    if unknown:
        raise DramaError(
            f"bench prune: no method '{unknown[0]}'", hint=f"there are: {', '.join((*METHODS, *PEERS))}"
        )
    if set(methods) & set(PEERS) and find_spec("torch_pruning") is None:
        raise MissingExtraError("torch_pruning", "bench")
    work = out / "prune-work"
    build_corpus(CorpusSettings(inputs=data), work / "corpus", SEED)
    passages = work / "corpus" / "passages.parquet"
    same: dict[str, Any] = {"parent": parent, "tokens": tokens, "passages": fingerprint_path(passages)}
    known_items = work / "corpus" / "known-items"
    if not judged and known_items.is_dir():
        judged = [str(known_items)]
    retrieval = Retrieval(passages, judged, contrastive_steps, SEED)
    same |= retrieval.same()
    for share in SHARES:
        for method in methods:
            path = out / "prune" / f"{100 * share:.0f}-{method}.json"
            if path.is_file() and _holds(path, same):
                note(f"bench prune: {path} is there, skipped")
                continue
            place = work / path.stem
            row = _run(place, passages, parent, method, share, tokens)
            row |= retrieval.run(place / "model", place.with_name(f"{path.stem}-retrieval"))
            made = {"machine": machine(), "versions": versions()}
            write_json(path, {"method": method, "share": share, **same, **row, **made})
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((out / "prune").glob("*.json"))]
    rows = [row for row in rows if same.items() <= row.items()]
    return write_result(
        out / "prune.json", rows, summary(rows), ("torch-pruning",) if set(methods) & set(PEERS) else ()
    )


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """For each share, by method: held-out perplexity (`ppl_50`, `ppl_25`), mean nDCG@10 over the judged
    collections (`ndcg_50`, `ndcg_25`), the share that was reached (`share_50`, `share_25`); and the parent's
    perplexity."""
    found: dict[str, Any] = {"ppl_parent": rows[0]["perplexity_parent"]}
    for share in SHARES:
        of_share = [row for row in rows if row["share"] == share]
        for name, key in (("ppl", "perplexity"), ("ndcg", "ndcg"), ("share", "share_reached")):
            found[f"{name}_{100 * share:.0f}"] = {row["method"]: row[key] for row in of_share if key in row}
    return found


def shape_of(method: str, config: Any, share: float) -> Shape:
    """The target shape of a method."""
    parent = parent_shape(config)
    count = body_parameters(config)
    least = Shape(parent.layers, 1, parent.kv_heads, parent.kv_heads, 1)
    if method == "depth":
        least = parent._replace(layers=1)
    return shape_between(parent, least, share * count(parent), count)


def _holds(path: Path, same: dict[str, Any]) -> bool:
    row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return same.items() <= row.items()


def _run(work: Path, passages: Path, parent: str, method: str, share: float, tokens: int) -> dict[str, Any]:
    folder = resolve(parent)
    config = AutoConfig.from_pretrained(folder)
    shape = shape_of(method, config, share)
    spent = {"calibration": 0, "learning": 0}
    settings = _settings(parent, method, shape, tokens)
    if _reads_calibration(method):
        texts = [d.full_text for d in read_passages(passages)]
        batches = calibration_batches(texts, load_tokenizer(folder), settings.calibration, SEED)
        spent["calibration"] = sum(int(mask_BL.sum()) for _, mask_BL in batches)
    settings = with_budget(settings, 1, spent["calibration"])
    step = BATCH_SIZE * LENGTH
    learns = method in METHODS and METHODS[method].learns
    spent["learning"] = settings.shearing.steps * step if learns else 0
    run = _peer if method in PEERS else _ours
    figures, seconds = run(work, passages, folder, settings, method)
    count = body_parameters(config)
    return {
        "shape": shape._asdict(),
        "parameters_without_embeddings": count(shape),
        "share_reached": round(count(shape) / count(parent_shape(config)), 4),
        "tokens_spent": {**spent, "recovery": settings.recovery.steps * step},
        **{f"perplexity{name}": round(math.exp(loss), 3) for name, loss in figures.items()},
        "seconds": seconds,
        "settings": settings.model_dump(mode="json"),
    }


def _reads_calibration(method: str) -> bool:
    return METHODS[method].reads_calibration if method in METHODS else PEERS[method] == "taylor"


def _settings(parent: str, method: str, shape: Shape, tokens: int) -> PruneSettings:
    """Settings of our methods. A peer uses them for everything but the choice of parts."""
    values: dict[str, Any] = {
        "parent": parent,
        "shape": shape._asdict(),
        "method": "importance" if method in PEERS else method,
        "tokens": tokens,
        "recovery": {"batch_size": BATCH_SIZE, "max_length": LENGTH, "shares_every": 0},
    }
    if method == "shearing":
        values["shearing"] = {"batch_size": BATCH_SIZE, "shares_every": 0}
    if method in PEERS or METHODS[method].reads_calibration:
        values["calibration"] = _CALIBRATION
    return PruneSettings.parse(values, "bench prune")


def _ours(work: Path, passages: Path, folder: Path, settings: PruneSettings, method: str) -> Losses:
    """Run our stage."""
    manifest = prune(settings, passages, work, SEED)
    names = {"_parent": "parent", "_sliced": "sliced", "": "recovered"}
    losses = {short: manifest.figures[f"held_out_loss_{name}"] for short, name in names.items()}
    return losses, manifest.seconds


def _peer(work: Path, passages: Path, folder: Path, settings: PruneSettings, method: str) -> Losses:
    """Cut by Torch-Pruning, and recover on the same rows by the same updates."""
    inputs = {"parent": folder, "passages": passages}
    with open_stage(work, "bench prune", settings, inputs, SEED) as run:
        if run.done:
            return _of(run.manifest)
        tokenizer = load_tokenizer(folder)
        documents = list(read_passages(passages))
        domains, _ = domain_rows(documents, tokenizer, settings.domains.by, LENGTH, SEED, work / "rows")
        parent = load_causal_lm(folder)
        run.figures["_parent"] = mean_loss(held_out_losses(parent, domains), domains)
        if not (work / "sliced").is_dir():
            texts = [d.full_text for d in documents]
            batches = calibration_batches(texts, tokenizer, settings.calibration, SEED)
            target = Shape(**settings.shape.model_dump())
            cut = torch_pruned(load_causal_lm(folder), target, PEERS[method], batches)
            save_causal_lm(work / "sliced", cut, tokenizer)
        child = load_causal_lm(work / "sliced")
        run.figures["_sliced"] = mean_loss(held_out_losses(child, domains), domains)
        log = Log(work / "events.jsonl", work / "recovery", 0)
        mixture = Mixture(domains, settings.domains, {})
        update(Recovery(child, parent, settings.recovery), mixture, log, SEED)
        run.figures[""] = mean_loss(held_out_losses(child.eval(), domains), domains)
        save_causal_lm(work / "model", child, tokenizer)
    return _of(run.manifest)


def _of(manifest: Manifest) -> Losses:
    return manifest.figures, manifest.seconds
