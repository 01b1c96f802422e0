"""Supervised sets, the margin of hard negatives, the mixture, and the table of what will be trained on."""

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from drama.augment import AugmentSettings, MixtureSettings, augment
from drama.augment.candidate import Candidate
from drama.augment.groups import count_groups
from drama.augment.labels.histogram import Histogram
from drama.augment.labels.label import label
from drama.augment.labels.rankings import HitList, RankedQuery
from drama.augment.labels.settings import LabelSettings
from drama.augment.mixture import allot
from drama.corpus import CorpusSettings, build_corpus
from drama.errors import DramaError, FileError
from drama.records import Document, Example, Hit, read_examples, write_passages


@pytest.fixture
def judged(small_collection: Path, tmp_path: Path) -> Path:
    """The small collection with a train split of six queries, one of which the test split has too."""
    folder = tmp_path / "small"
    shutil.copytree(small_collection, folder)
    header, *lines = (folder / "qrels/test.tsv").read_text().splitlines()
    (folder / "qrels/train.tsv").write_text("\n".join([header, *lines[:6], "q1\td2\t1", "q2\td3\t0"]) + "\n")
    (folder / "qrels/test.tsv").write_text("\n".join([header, *lines[5:]]) + "\n")
    return folder


def run(section: dict[str, Any], passages: Path, out: Path, seed: int = 0) -> tuple[Any, list[Example]]:
    manifest = augment(AugmentSettings.parse(section, "augment"), passages, out, seed)
    return manifest, list(read_examples(out / "examples.parquet"))


def test_supervised_queries_have_the_judged_positives(judged: Path, tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text(
        '{"_id": "x", "text": "Another text about wings, bread and the sea."}\n'
    )
    inputs = [str(judged), str(tmp_path / "more.jsonl")]
    build_corpus(CorpusSettings(inputs=inputs, languages=["en"]), tmp_path / "corpus")
    passages = tmp_path / "corpus/passages.parquet"
    section = {
        "crop": {"per_document": 0},
        "supervised": {"collections": [str(judged)]},
        "label": {"positive_ranks": [1, 1], "negative_ranks": [2, 9], "scale_to_corpus": False},
    }
    manifest, rows = run(section, passages, tmp_path / "out")
    assert manifest.counts["supervised: made"] == len(rows) == 5
    assert manifest.counts["supervised: query of the test split too, left out"] == 1
    assert {tuple(r.positive_ids) for r in rows} == {
        ("small/d0",), ("small/d1", "small/d2"), ("small/d2",), ("small/d3",), ("small/d4",)
    }  # fmt: skip
    assert {(r.kind, r.source, r.lang, r.origin) for r in rows} == {("supervised", "small", "en", "")}
    assert any(r.negative_ids for r in rows)
    assert not any({*r.negative_ids} & {*r.positive_ids} for r in rows)

    judgments = judged / "qrels/train.tsv"
    judgments.write_text(judgments.read_text().replace("q0\td0\t1", "q0\td0\t0"))
    manifest, rows = run(section, passages, tmp_path / "out")  # another judgment, another result
    assert manifest.counts["supervised: no relevant document among the passages, left out"] == 1
    assert len(rows) == 4

    tested = judged / "qrels/test.tsv"
    tested.write_text(tested.read_text().rstrip("\n") + "\nq1\td1\t1\n")
    manifest, rows = run(section, passages, tmp_path / "out")  # what is tested on now is left out
    assert manifest.counts["supervised: query of the test split too, left out"] == 2
    assert len(rows) == 3

    for file in (tested, judgments, judged / "queries.jsonl"):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    again, same = run(section, passages, tmp_path / "out")
    assert (again.counts, same) == (manifest.counts, rows)


def test_supervised_sets_that_cannot_be_used(judged: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    write_passages(path, [Document("d0", "", "The wing of the aircraft lifts.", "en", "other")])

    def error(**section: object) -> str:
        with pytest.raises(DramaError) as caught:
            run({"supervised": {"collections": [str(judged)], **section}}, path, tmp_path / "out")
        return str(caught.value)

    assert "a test split is for evaluation" in error(split="test")
    assert "there are: test, train" in error(split="dev")
    assert "add" in error()
    assert "two have the same name" in error(collections=["a/x", "b/x"])
    shutil.copy(judged / "qrels/test.tsv", judged / "qrels/train.tsv")
    assert "the test split of" in (message := error())
    assert "judges every query of the split train too" in message


def test_hard_negatives_near_the_positives_are_dropped_and_counted() -> None:
    hits = [Hit(f"d{i}", 1.0 - i / 10, i + 1) for i in range(10)]
    ranked = [RankedQuery(Candidate("q", "?", "sent", "d0", "en", "s"), 0, HitList.of(hits))]
    ranks = {"positive_ranks": (1, 2), "negative_ranks": (3, 9), "scale_to_corpus": False}

    near = "label: hard negative too near to the positives, dropped"

    def negatives(below: float | None) -> tuple[list[str], Counter[str]]:
        counts: Counter[str] = Counter()
        settings = LabelSettings.parse({**ranks, "negatives_below": below}, "label")
        scores = Histogram()
        [row] = label(ranked, 10, settings, lambda outcome: counts.update([outcome]), scores)
        counted = {name: sum(n) for name, n in scores.figures()["counts"].items()}
        assert counted.get("hard negatives", 0) == len(row.negative_ids)
        assert counted.get("dropped: too near to the positives", 0) == counts[near]
        return row.negative_ids, counts

    assert negatives(None)[0] == [f"d{i}" for i in range(2, 9)]
    assert negatives(0.65)[0] == [f"d{i}" for i in range(4, 9)]
    assert negatives(0.65)[1][near] == 2
    found, counts = negatives(0.1)
    assert (found, counts[near]) == ([], 7)
    assert counts["label: no hard negatives (all too near to the positives)"] == counts["label: ok"] == 1


NAMES = st.sampled_from(["a", "b", "c"])


@given(
    st.dictionaries(st.tuples(NAMES, NAMES, NAMES), st.integers(1, 500), min_size=1),
    st.dictionaries(NAMES, st.floats(0.1, 9.0), min_size=3),
    st.floats(1.0, 10.0), st.integers(1, 5), st.none() | st.integers(2, 300),
)  # fmt: skip
@example({("a", "a", "a"): 5, ("a", "a", "b"): 5}, {"a": 1.0, "b": 1.0, "c": 1.0}, 1.0, 1, 3)
def test_allotted_rows_keep_the_shares(
    sizes: dict[tuple[str, str, str], int],
    weights: dict[str, float],
    temperature: float,
    repeats: int,
    examples: int | None,
) -> None:
    shares = {name: weights[name] for name in {source for source, _, _ in sizes}}
    mixture = MixtureSettings(
        sources=shares, language_temperature=temperature, repeats=repeats, examples=examples
    )
    found = allot(sizes, mixture)
    assert all(0 <= n <= repeats * sizes[g] for g, n in found.items())
    rows = Counter[str]()
    for group, n in found.items():
        rows[group[0]] += n
    total = sum(shares.values())
    for name, share in shares.items():
        assert abs(rows[name] - found_total(found) * share / total) <= len(found)
    if examples is not None:
        assert found_total(found) <= examples
    for group, n in found.items():  # among languages of one source and kind, the larger never gets less
        for other, m in found.items():
            if group[:2] == other[:2] and sizes[group] >= sizes[other]:
                assert n >= m


def found_total(found: dict[tuple[str, str, str], int]) -> int:
    return sum(found.values())


@pytest.fixture
def several(texts: list[str], tmp_path: Path) -> Path:
    path = tmp_path / "several.parquet"
    rows = [
        Document(
            f"{source}/{lang}{i}{n}",
            "",
            f"{text[:-1]} in {source} {lang}{n}. Number {i}{n} of {source} {lang} ends here.",
            lang,
            source,
        )
        for source, lang, times in (("web", "en", 4), ("wiki", "en", 3), ("wiki", "de", 1))
        for n in range(times)
        for i, text in enumerate(texts)
    ]
    write_passages(path, rows)
    return path


def test_the_mixture_is_drawn_counted_and_the_same_again(
    several: Path, tmp_path: Path, change_manifest: Callable[..., None]
) -> None:
    crop = {"per_document": 2, "min_words": 4}
    whole, all_rows = run({"crop": crop}, several, tmp_path / "whole")
    sizes = Counter((r.source, r.lang) for r in all_rows)
    mixture = {"sources": {"web": 1, "wiki": 1}, "language_temperature": 1e9, "repeats": 2}
    manifest, rows = run({"crop": crop, "mixture": mixture}, several, tmp_path / "a", seed=3)
    found = Counter((r.source, r.lang) for r in rows)
    small = 2 * sizes["wiki", "de"]
    assert found == {("web", "en"): 2 * small, ("wiki", "en"): small, ("wiki", "de"): small}
    assert manifest.figures["labelled"] == len(all_rows) == whole.figures["examples"]
    assert manifest.figures["examples"] == len(rows)
    counted = {k.removeprefix("mixture: "): n for k, n in manifest.counts.items() if k.startswith("mixture")}
    for (source, lang), n in sizes.items():
        drawn = found[source, lang]
        assert counted.get(f"{source} sent {lang}, left out", 0) == max(0, n - drawn)
        assert counted.get(f"{source} sent {lang}, repeated", 0) == max(0, drawn - n)
    assert {row.id for row in rows} <= {row.id for row in all_rows}
    assert max(Counter(row.id for row in rows).values()) == 2

    before = (tmp_path / "a/examples.parquet").read_bytes()
    change_manifest(tmp_path / "a", status="running")
    run({"crop": crop, "mixture": mixture}, several, tmp_path / "a", seed=3)
    assert (tmp_path / "a/examples.parquet").read_bytes() == before
    run({"crop": crop, "mixture": mixture}, several, tmp_path / "a", seed=4)
    assert (tmp_path / "a/examples.parquet").read_bytes() != before


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        ({"sources": {"web": 1}}, "sources: 'wiki' has no share"),
        ({"sources": {"web": 1, "wiki": 1, "book": 1}}, "sources: 'book' is not among the rows"),
        ({"kinds": {"qgen": 1}}, "kinds: 'qgen' is not among the rows"),
        ({"kinds": {"sent": 0}}, "one must be above 0"),
        ({"kinds": {"sent": -1}}, "must not be negative"),
    ],
)
def test_shares_that_cannot_be_meant(
    mixture: dict[str, Any], message: str, several: Path, tmp_path: Path
) -> None:
    with pytest.raises(DramaError, match=message):
        run({"mixture": mixture}, several, tmp_path / "out")


def test_describe(several: Path, tmp_path: Path) -> None:
    from drama.cli import _app

    command = ["augment", str(several), "--out", str(tmp_path / "out"), "--crops", "2", "--describe"]
    first = CliRunner().invoke(_app(), command)
    assert first.exit_code == 0, first.output
    header, *lines = first.stdout.splitlines()
    assert header.split()[:4] == ["source", "kind", "lang", "rows"]
    rows = list(read_examples(tmp_path / "out/examples.parquet"))
    counts = Counter((r.source, r.kind, r.lang) for r in rows)
    table = {tuple(line.split()[:3]): line.split()[3:] for line in lines[:3]}
    assert {group: int(cells[0]) for group, cells in table.items()} == counts
    of_web = [r for r in rows if r.source == "web"]
    mean = sum(len(r.negative_ids) for r in of_web) / len(of_web)
    assert float(table["web", "sent", "en"][4]) == pytest.approx(mean, abs=0.01)
    asked = {line.removeprefix("  ? ") for line in lines if line.startswith("  ? ")}
    assert len(asked) == 6
    assert asked <= {r.query for r in rows}
    figures = json.loads((tmp_path / "out/manifest.json").read_text())["figures"]["groups"]
    assert [(g["source"], g["lang"], str(g["rows"])) for g in figures] == [
        (source, lang, cells[0]) for (source, _, lang), cells in table.items()
    ]
    assert CliRunner().invoke(_app(), command).stdout == first.stdout  # done: only shown
    with pytest.raises(FileError):
        count_groups(tmp_path / "missing.parquet", [])
