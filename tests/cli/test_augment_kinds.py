"""`drama augment --kinds`: which sections they turn on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drama.augment import BY_NAME, KINDS
from drama.augment.rerank import METHODS
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


def test_every_kind_and_method_is_documented(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/augment.md").read_text(encoding="utf-8")
    assert [name for name in (*KINDS, *METHODS) if f"`{name}`" not in page] == []
    write_passages(tmp_path / "passages.parquet", [Document("a", "", "Bees dance for each other.", "en")])
    options = ["augment", str(tmp_path), "--out", str(tmp_path / "out"), "--kinds", "?"]
    with pytest.raises(DramaError) as caught:
        CliRunner().invoke(_app(), options, catch_exceptions=False)
    assert caught.value.hint == f"there are: {', '.join(BY_NAME)}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--llm", "smollm2-135m"], "nothing here asks an LLM"),
        (["--kinds", "sent", "--llm", "smollm2-135m"], "nothing here asks an LLM"),
        (["--kinds", "sent", "--synthesize", "5"], "--synthesize is for qgen, which --kinds does not name"),
        (["--kinds", "qgen", "--crops", "2"], "--crops is for sent"),
        (["--kinds", "qgen", "--synthesize", "0"], "--synthesize 0: no qgen would be made"),
        (["--kinds", "rerank"], "rerank has no queries"),
    ],
)
def test_no_option_is_ignored(options: list[str], message: str, tmp_path: Path) -> None:
    passages = tmp_path / "passages.parquet"
    write_passages(passages, [Document("a", "", "Bees dance for each other.", "en")])
    with pytest.raises(DramaError, match=message):
        CliRunner().invoke(
            _app(),
            ["augment", str(passages), "--out", str(tmp_path / "out"), *options],
            catch_exceptions=False,
        )
    assert not (tmp_path / "out").exists()


def test_describe_never_rebuilds_anything(texts: list[str], tmp_path: Path) -> None:
    passages = tmp_path / "passages.parquet"
    write_passages(passages, [Document(f"d{i}", "", text, "en") for i, text in enumerate(texts)])
    command = ["augment", str(passages), "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(_app(), [*command, "--crops", "2", "--seed", "7"]).exit_code == 0
    before = (tmp_path / "out/examples.parquet").read_bytes()
    shown = CliRunner().invoke(_app(), [*command, "--describe"])
    assert shown.exit_code == 0
    assert "sent" in shown.stdout
    assert (tmp_path / "out/examples.parquet").read_bytes() == before
