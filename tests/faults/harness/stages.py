"""What is disturbed: each stage's command on a small world of real files, and the folder that it fills."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from harness.command import Commands
from harness.gguf_file import write_gguf

Words = list[object]
SMALL_BLOCKS = {
    "drama.retriever.store.store._BLOCK": 4,
    "drama.retriever.store.store._PART": 6,
    "drama.records.parquet._ROWS_PER_GROUP": 5,
}
"""Sizes in the code under test, so that a small corpus has several blocks, shards and row groups."""


@dataclass(frozen=True)
class Stage:
    """A command to disturb.

    `words(out)` is its command line and `prepare(out)` what must be there before; what counts is in `out`.
    """

    name: str
    words: Callable[[Path], Words]
    prepare: Callable[[Path], None] = lambda out: None
    env: Callable[[Path], dict[str, str]] = lambda out: {}
    server: bool = False
    """It asks the chat server."""


@dataclass
class World:
    """Inputs of all stages, made once by the commands themselves, undisturbed."""

    root: Path
    llm: Path
    judged: Path
    address: str = ""
    paths: dict[str, Path] = field(default_factory=dict)

    def build(self, commands: Commands) -> None:
        """Write the corpus and run each command once."""
        base = [json.loads(line)["text"] for line in (self.judged / "corpus.jsonl").read_text().splitlines()]
        rows = [f"{text} Number {i} says {word}." for word in ("tea", "milk") for i, text in enumerate(base)]
        self.root.mkdir(parents=True, exist_ok=True)
        corpus = self.root / "docs.jsonl"
        corpus.write_text("".join(json.dumps({"_id": f"n{i}", "text": t}) + "\n" for i, t in enumerate(rows)))
        self.paths = {"corpus": corpus, "gguf": self.root / "tiny.gguf"}
        write_gguf(self.llm, self.paths["gguf"])
        for name, words in (
            ("passages", ["corpus", corpus, "--out", self.root / "corpus"]),
            ("examples", self.augment(self.root / "augment", self.llm)),
            ("retriever", self.train(self.root / "train")),
            (
                "encoded",
                ["encode", self.root / "train/model", self.root / "corpus", "--out", self.root / "encoded"],
            ),
        ):
            done = commands.run(words, self.root)
            assert done.code == 0, f"{name}: {done.stderr}"

    def augment(self, out: Path, llm: object) -> Words:
        words: Words = ["augment", self.root / "corpus", "--out", out, "--synthesize", 8, "--llm", llm]
        words += ["--retriever", self.llm, "--keep-vectors"]
        return words + sets(
            "synthesize.batch_size=2", "synthesize.sampling.max_new_tokens=4", "label.depth=8",
            "server.concurrency=2", "server.timeout=0.5", "server.backoff=0.01", "server.retries=12",
        )  # fmt: skip

    def train(self, out: Path) -> Words:
        words: Words = ["train", self.llm, "--passages", self.root / "corpus/passages.parquet"]
        words += ["--examples", self.root / "augment/examples.parquet", "--out", out]
        words += ["--teacher", self.root / "augment/teacher", "--steps", 10, "--batch-size", 4]
        return words + sets(
            "checkpoint_every=2", "retriever.dims=[16, 32]", "retriever.max_length=64",
            "loss.distill={space: teacher}", "validation.share=0.25", "validation.every=3",
            "validation.keep=best", "validation.measure=loss",
        )  # fmt: skip

    def prune(self, out: Path) -> Words:
        words: Words = [
            "prune",
            self.llm,
            "--data",
            self.paths["corpus"],
            "--out",
            out,
            "--method",
            "shearing",
        ]
        words += ["--layers", 3, "--hidden", 48, "--intermediate", 64, "--recovery-steps", 6]
        return words + sets(
            "shearing.steps=6", "shearing.checkpoint_every=2", "shearing.batch_size=2",
            "recovery.checkpoint_every=2", "recovery.batch_size=2", "recovery.max_length=32",
        )  # fmt: skip

    def recipe(self, out: Path) -> Words:
        values = {
            "run": str(out),
            "corpus": {"inputs": [str(self.judged)]},
            "prune": {
                "parent": str(self.llm), "shape": {"layers": 2, "intermediate": 64},
                "recovery": {"steps": 4, "batch_size": 2, "max_length": 16, "checkpoint_every": 2},
            },
            "augment": {
                "crop": {"per_document": 2, "min_words": 4},
                "synthesize": {
                    "documents": 6, "llm": str(self.llm), "batch_size": 2, "sampling": {"max_new_tokens": 4},
                },
                "label": {"retrievers": ["bm25", str(self.llm)], "depth": 8, "keep_vectors": True},
            },
            "train": {
                "steps": 6, "batch": {"size": 4}, "checkpoint_every": 2,
                "loss": {"distill": {"space": "teacher"}},
                "retriever": {"dims": [16, 32], "max_length": 64},
            },
            "evaluate": {"models": ["bm25", "student"], "collections": [str(self.judged)]},
            "search": {"queries": ["what produces lift"]},
        }  # fmt: skip
        path = self.root / "recipe.yaml"
        path.write_text(yaml.safe_dump(values))
        return ["run", path]

    def stages(self) -> list[Stage]:
        """All of them, in the order of the pipeline."""

        def corpus(out: Path) -> Words:
            words: Words = ["corpus", self.paths["corpus"], "--out", out, "--chunk-tokens", 16]
            return [*words, "--tokenizer", self.llm, "--near-duplicates", 0.95]

        def encode(out: Path) -> Words:
            return ["encode", self.root / "train/model", self.root / "corpus", "--out", out, "--dim", 16]

        def evaluate(out: Path) -> Words:
            words: Words = ["evaluate", self.root / "train/model", self.judged, "--out", out / "results.json"]
            return [*words, "--fuse-bm25"]

        def copied(out: Path) -> None:
            shutil.copytree(self.root / "encoded", out)

        return [
            Stage("corpus", corpus),
            Stage("prune", self.prune),
            Stage("augment", lambda out: self.augment(out, self.llm)),
            Stage("augment-server", lambda out: self.augment(out, self.address), server=True),
            Stage("train", self.train),
            Stage("encode", encode),
            Stage("evaluate", evaluate),
            Stage("index", lambda out: ["index", out], copied),
            Stage("run", self.recipe),
            Stage(
                "pull", lambda out: ["pull", self.paths["gguf"]], env=lambda out: {"DRAMA_CACHE": str(out)}
            ),
        ]


def sets(*settings: str) -> Words:
    return [word for setting in settings for word in ("--set", setting)]
