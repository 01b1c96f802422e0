"""`drama augment --kinds`: which sections they turn on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drama.cli import _app
from drama.errors import DramaError
from drama.records import Document, read_examples, write_passages
from drama.workspace import read_manifest


def test_kinds(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    passages = tmp_path / "passages.parquet"
    write_passages(passages, [Document(f"d{i}", text, texts[i - 1], "en") for i, text in enumerate(texts)])

    def run(kinds: str) -> dict[str, int]:
        out = tmp_path / kinds.replace(",", "-")
        command = ["augment", str(passages), "--kinds", kinds, "--llm", str(tiny_llm), "--out", str(out)]
        command += ["--set", "synthesize.sampling.max_new_tokens=4"]
        done = CliRunner().invoke(_app(), command, catch_exceptions=False)
        assert done.exit_code == 0
        manifest = read_manifest(out)
        assert manifest is not None
        assert manifest.settings["rerank"]["method"] == ("likelihood" if "rerank" in kinds else "none")
        rows = [row.kind for row in read_examples(out / "examples.parquet")]
        assert sum(n for name, n in manifest.counts.items() if name.startswith("qgen: ")) in (0, 8)
        short = manifest.counts.get("rerank: fewer than two hits, left out", 0)
        return {kind: rows.count(kind) + (short if kind == "rerank" else 0) for kind in rows}

    assert run("title,rerank") == {"title": 8, "rerank": 8}
    assert run("sent,qgen")["sent"] == 8
    with pytest.raises(DramaError, match="no kind 'cent'"):
        run("cent")
