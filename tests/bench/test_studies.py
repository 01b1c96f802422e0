"""Studies by real parts and a tiny LLM: raw files, what they hold, and going on where they were stopped."""

import json
from pathlib import Path

import pytest

from drama.augment import RerankSettings, SynthesizeSettings
from drama.errors import DramaError, FileError
from drama_bench.generate import bench_generate
from drama_bench.rerank import bench_rerank
from drama_bench.yields import bench_yields


@pytest.fixture
def corpora(tmp_path: Path, texts: list[str]) -> list[str]:
    paths = []
    for lang in ("de", "en"):
        paths.append(tmp_path / f"corpus-{lang}.jsonl")
        rows = [{"_id": f"d{i}", "text": text, "lang": lang} for i, text in enumerate(texts)]
        paths[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [str(path) for path in paths]


def test_yields_by_language_and_prompt(corpora: list[str], tiny_llm: Path, tmp_path: Path) -> None:
    values = {
        "llm": str(tiny_llm), "prompts": ["question", "keyword"], "documents": 3,
        "sampling": {"max_new_tokens": 4},
    }  # fmt: skip
    settings = SynthesizeSettings.parse(values, "synthesize")
    out = tmp_path / "out"
    paths = bench_yields(corpora, settings, out)
    assert [path.stem.rsplit("-", 1)[1] for path in paths] == ["de", "en"]
    made = json.loads(paths[0].read_text())
    assert [row["kind"] for row in made["rounds"]] == ["question", "keyword"]
    for row in made["rounds"]:
        assert row["documents"] == sum(row["outcomes"].values()) == len(row["samples"]) == 3
        assert sum(row["shares"].values()) == pytest.approx(1, abs=0.001)
        assert {*row["samples"][0]} == {"document", "answer", "query", "outcome"}
        assert row["samples"][0]["document"].startswith("corpus-de/d")
    assert made["summary"]["asked now"]["requests"] == 6
    paths[0].unlink()
    kept = paths[1].read_bytes()
    bench_yields(corpora, settings, out)
    again = json.loads(paths[0].read_text())
    assert again["rounds"] == made["rounds"]
    assert again["summary"]["asked now"]["requests"] == 0  # its answers were on disk
    assert paths[1].read_bytes() == kept
    with pytest.raises(FileError, match="made by other settings"):
        bench_yields(corpora, settings, out, seed=1)
    nameless = tmp_path / "nameless.jsonl"
    nameless.write_text('{"_id": "1", "text": "what language is this"}\n')
    with pytest.raises(DramaError, match="document '1' names no language"):
        bench_yields([str(nameless)], settings, out)


def test_reranking_against_judgments(small_collection: Path, tiny_llm: Path, tmp_path: Path) -> None:
    def settings(**values: object) -> RerankSettings:
        return RerankSettings.parse({"llm": str(tiny_llm), "depth": 3, **values}, "rerank")

    methods = [
        settings(method="likelihood", queries=5),
        settings(method="first_identifier", queries=5, window=2, step=1),
    ]
    paths = bench_rerank([str(small_collection)], methods, tmp_path)
    names = [f"rerank-{tiny_llm.name}-small-{method}.json" for method in ("likelihood", "first_identifier")]
    assert [path.name for path in paths] == names
    made = json.loads(paths[0].read_text())
    assert made["summary"]["queries"] == len(made["rounds"]) == 5
    assert made["summary"]["outcomes"] == {"ok": 5}
    # A query is five words of its document, which BM25 puts first; a random LLM does not.
    assert made["summary"]["nDCG@10 of BM25"] > made["summary"]["nDCG@10 reranked"] > 0
    for row in made["rounds"]:
        assert len({*row["order"]}) == len(row["order"]) == row["documents"]
    before = paths[0].read_bytes()
    bench_rerank([str(small_collection)], methods, tmp_path)
    assert paths[0].read_bytes() == before
    with pytest.raises(FileError, match="made by other settings"):
        bench_rerank([str(small_collection)], [settings(method="likelihood", queries=6)], tmp_path)


def test_generate_in_batches_and_one_by_one(
    tiny_llm: Path, tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drama_bench.generate._PROMPTS", 3)
    corpus = tmp_path / "long.jsonl"
    rows = [{"_id": str(i), "text": " ".join(texts[i:] + texts[:i])} for i in range(3)]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DramaError, match="0 documents of 100 words are too few"):
        bench_generate(tmp_path, 1, [str(corpus)], llm=tiny_llm)
    monkeypatch.setattr("drama_bench.generate._WORDS", 20)
    made = json.loads(bench_generate(tmp_path, 2, [str(corpus)], llm=tiny_llm).read_text())
    assert len(made["rounds"]) == 2
    assert made["summary"]["prefix_vs_sequential"] > 0
    assert made["summary"]["answers_that_differ_beyond_ties"] == 0
