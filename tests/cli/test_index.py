"""`drama index CORPUS --model`: encode and build in one command; filters of `drama search`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drama.retriever import Retriever, RetrieverSettings


def test_a_corpus_becomes_searchable_in_one_command(
    tiny_llm: Path, tmp_path: Path, run_drama: Callable[..., Any]
) -> None:
    Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(16, 64))).save(tmp_path / "model")
    rows = [
        {"_id": "a", "text": "wings lift", "lang": "en"},
        {"_id": "b", "text": "wings rise", "lang": "en", "metadata": {"year": 2024}},
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made = run_drama("index", "c.jsonl", "--model", "model", "--out", "index", "--dim", "16", cwd=tmp_path)
    assert made.code == 0, made.stderr
    assert made.stdout.strip() == "index: 2 documents"
    again = run_drama("index", "c.jsonl", "--model", "model", "--out", "index", "--dim", "16", cwd=tmp_path)
    assert "encoded 0, reused 2" in again.stderr
    found = run_drama("search", "index", "wings", "--where", "year=2024", "--json", cwd=tmp_path)
    assert [hit["document_id"] for hit in json.loads(found.stdout)["hits"]] == ["b"]
    for wrong, says in (
        (("index", "index", "--smooth"), "options of encoding, but no model"),
        (("index", "c.jsonl", "--model", "model"), "--out is missing"),
        (("search", "index", "wings", "--where", "yaer=2024"), "no document has this field"),
        (("search", "index", "wings", "--where", "year"), "not field=value"),
    ):
        refused = run_drama(*wrong, cwd=tmp_path)
        assert refused.code == 2
        assert says in refused.stderr
