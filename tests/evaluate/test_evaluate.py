"""Measures against values by hand; ties as a user sees them; the stage resumes by pairs."""

import math
import re
import shutil
from collections.abc import Callable
from json import loads
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import parse_measure
from typer.testing import CliRunner

from drama.cli import _app
from drama.errors import DramaError
from drama.evaluate import EvaluateSettings, evaluate
from drama.evaluate.settings import FusionSettings
from drama.evaluate.significance import paired_randomisation
from drama.records import (
    Collection,
    Document,
    Query,
    rank,
    read_trec_run,
    write_documents_jsonl,
    write_qrels,
    write_queries,
)
from drama.records.measures import MEASURES, means, per_query
from drama.report import print_results
from drama.retriever import Retriever, RetrieverSettings


@pytest.fixture
def collection(tmp_path: Path, texts: list[str]) -> Path:
    folder = tmp_path / "judged"
    (folder / "qrels").mkdir(parents=True)
    write_documents_jsonl(folder / "corpus.jsonl", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    queries = [Query(f"d{i}" if i < 2 else f"q{i}", t.split(" ", 1)[1]) for i, t in enumerate(texts)]
    write_queries(folder / "queries.jsonl", [*queries, Query("unjudged", "x")])
    write_qrels(folder / "qrels/test.tsv", {q.id: {f"d{i}": 1} for i, q in enumerate(queries)})
    return folder


def test_measures_by_hand() -> None:
    run = {"q": rank({"a": 3.0, "b": 2.0, "c": 1.0}), "empty": []}
    qrels = {"q": {"b": 2, "c": 1, "z": 1}, "empty": {"a": 1}, "none": {"a": 0}}
    values = per_query(run, qrels)
    ideal = 2 + 1 / math.log2(3) + 1 / 2
    assert values["nDCG@10"]["q"] == pytest.approx((2 / math.log2(3) + 1 / 2) / ideal)
    assert values["RR@10"] == {"q": 0.5, "empty": 0.0, "none": 0.0}
    assert values["R@100"]["q"] == pytest.approx(2 / 3)
    assert means(values)["RR@10"] == pytest.approx(0.5 / 3)


def test_ties_are_measured_as_they_are_shown() -> None:
    tied = {"q": rank({"b": 1.0, "a": 1.0})}
    assert per_query(tied, {"q": {"a": 1}})["RR@10"]["q"] == 1.0
    assert per_query(tied, {"q": {"b": 1}})["RR@10"]["q"] == 0.5


def test_significance() -> None:
    few = {f"q{i}": 1.0 for i in range(6)}  # of the 64 ways to set signs two are as far from 0: p = 2 / 64
    assert paired_randomisation(few, dict.fromkeys(few, 0.0)) == pytest.approx(2 / 64, abs=0.01)
    a = {f"q{i}": 0.5 + i / 100 for i in range(30)}
    assert paired_randomisation(a, {q: v - 0.2 for q, v in a.items()}) < 0.01
    assert paired_randomisation(a, {q: v + (-1) ** i * 0.1 for i, (q, v) in enumerate(a.items())}) > 0.5


def test_a_collection_counts_what_it_leaves_out(collection: Path) -> None:
    read = Collection.read(collection)
    assert len(read.queries) == 8
    assert read.left_out["queries without judgments"] == 1


def test_a_cut_off_evaluation_keeps_finished_pairs(
    collection: Path, tiny_llm: Path, tmp_path: Path, change_manifest: Callable[..., None]
) -> None:
    chosen = EvaluateSettings(models=["bm25", str(tiny_llm)], collections=[str(collection)])
    out = tmp_path / "out"
    evaluate(chosen, out)
    whole = (out / "results.json").read_text()
    change_manifest(out, status="running")
    (out / "results.json").unlink()
    kept = {p: p.stat().st_mtime_ns for p in (out / "runs").iterdir()}
    evaluate(chosen, out)
    assert (out / "results.json").read_text() == whole
    assert kept == {p: p.stat().st_mtime_ns for p in (out / "runs").iterdir()}


def test_a_measure_is_added_in_one_place(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(MEASURES, "P@1", parse_measure("P@1"))
    evaluate(EvaluateSettings(models=["bm25"], collections=[str(collection)]), tmp_path / "out")
    (found,) = results(tmp_path / "out")
    assert [*found["metrics"]] == [*MEASURES]
    assert found["metrics"]["P@1"] == 1.0
    print_results([found])
    assert re.search(r"RR@10 .*P@1 +p vs bm25", capsys.readouterr().out)


def test_the_documentation_names_every_measure() -> None:
    text = (Path(__file__).parents[2] / "docs/evaluate.md").read_text(encoding="utf-8")
    assert all(name in text for name in MEASURES)


def test_excluding_the_query_itself(collection: Path, tmp_path: Path) -> None:
    scores = []
    for exclude in (False, True):
        chosen = EvaluateSettings(models=["bm25"], collections=[str(collection)], exclude_self=exclude)
        evaluate(chosen, tmp_path / str(exclude))
        results = loads((tmp_path / str(exclude) / "results.json").read_text())["results"]
        scores.append(results[0]["metrics"]["RR@10"])
    assert scores[1] <= scores[0] - 2 / 8 + 1e-6  # two queries have their own document's id


def results(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = loads((out / "results.json").read_text())["results"]
    return rows


def test_widths_and_fusion_have_rows_of_their_own(collection: Path, tiny_llm: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    Retriever.from_llm(tiny_llm, RetrieverSettings(max_length=64, dims=(64, 32))).save(model)
    chosen = EvaluateSettings(
        models=[str(model)],
        collections=[str(collection)],
        dims=[32, 16],  # 16 was not trained: said on stderr, and not reported
        fusion=FusionSettings(models=[str(model)]),
        exclude_self=True,
    )
    evaluate(chosen, tmp_path / "out", labels={str(model): "student"}, store=tmp_path / "store")
    rows = results(tmp_path / "out")
    assert [(r["model"], r["dim"]) for r in rows] == [
        ("student", 64),
        ("student", 32),
        ("student + bm25", 64),
    ]
    assert all(0 < r["p_value_vs_bm25"] <= 1 and r["seconds"] > 0 for r in rows)
    for row in rows:
        run = read_trec_run(tmp_path / "out" / row["run"])
        assert not any(query in scores for query, scores in run.items())  # nor in what was fused
        again = per_query({q: rank(s) for q, s in run.items()}, Collection.read(collection).qrels)
        assert means(again) == pytest.approx(row["metrics"], abs=1e-5)


def test_the_command_sets_the_precision(collection: Path, tiny_llm: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    words = ["evaluate", str(tiny_llm), str(collection), "--precision", "bf16", "--out", str(out)]
    CliRunner().invoke(_app(), words, catch_exceptions=False)
    assert [row["settings"]["precision"] for row in loads(out.read_text())["results"]] == ["bf16"]


def test_collections_of_one_name_are_kept_apart(collection: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / collection.name
    shutil.copytree(collection, other)
    write_qrels(other / "qrels/test.tsv", {"q3": {"d4": 1}})
    chosen = EvaluateSettings(models=["bm25"], collections=[str(collection), str(other)])
    evaluate(chosen, tmp_path / "out")
    assert [r["queries"] for r in results(tmp_path / "out")] == [8, 1]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"models": []}, "name at least one model"),
        ({"models": ["bm25", "bm25"]}, "evaluate.models: 'bm25' is listed twice"),
        ({"fusion": {"models": ["x"]}}, "'x' is not a dense model of evaluate.models"),
        ({"split": "dev"}, "there are: test"),
        ({"collections": ["{good}", "nowhere"]}, "nowhere: no such collection folder"),
        ({"models": ["smolm2-135m"]}, "did you mean 'smollm2-135m'"),
    ],
)
def test_mistakes_are_named_before_anything_runs(
    keys: dict[str, Any], message: str, collection: Path, tmp_path: Path
) -> None:
    values = {"models": ["bm25"], "collections": [str(collection)]} | keys
    values["collections"] = [c.replace("{good}", str(collection)) for c in values["collections"]]
    with pytest.raises(DramaError, match=re.escape(message)):
        evaluate(EvaluateSettings.parse(values, where="evaluate"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), min_size=1), st.permutations("abcdef"))
def test_measures_stay_in_range_and_the_ideal_order_gets_one(
    grades: dict[str, int], order: list[str]
) -> None:
    qrels = {"q": grades}
    values = means(per_query({"q": rank({d: -float(i) for i, d in enumerate(order)})}, qrels))
    assert all(0 <= value <= 1 + 1e-9 for value in values.values())
    ideal = means(per_query({"q": rank({d: float(grades.get(d, 0)) for d in order})}, qrels))
    if any(grades.values()):
        assert [ideal[name] for name in ("nDCG@10", "R@100", "RR@10")] == pytest.approx([1, 1, 1])
