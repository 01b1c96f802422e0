"""Crops, answers, windows and the whole stage."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.augment import AugmentSettings, augment
from drama.augment.candidate import Candidate
from drama.augment.context import Context
from drama.augment.kinds import MAKERS
from drama.augment.labels.label import scale_windows
from drama.augment.prompts.text_prompt import TextPrompt
from drama.augment.queries.maker import LanguageCheck, Maker
from drama.augment.queries.synthesize import parse_query
from drama.errors import DramaError
from drama.records import Document, Documents, read_examples, write_passages
from drama.workspace import Manifest, VectorReader


@pytest.fixture
def passages(tmp_path: Path, texts: list[str]) -> Path:
    path = tmp_path / "passages.parquet"
    documents = [
        Document(f"d{i}", "", f"{text} {texts[(i + 1) % 8]} Number {i} ends the text here.", "en", "s")
        for i, text in enumerate(texts)
    ]
    write_passages(path, documents)
    return path


@given(
    st.integers(1, 12), st.integers(0, 20), st.integers(2, 60), st.integers(0, 40),
    st.integers(1, 10**6), st.integers(2, 100), st.booleans(),
)  # fmt: skip
def test_windows_never_overlap_and_never_leave_the_list(
    start: int, wide: int, low: int, deep: int, documents: int, depth: int, scale: bool
) -> None:
    windows = scale_windows((start, start + wide), (low, low + deep), documents, depth, scale)
    end = min(depth, documents)
    first, last = windows.positives
    assert 1 <= first <= last <= end
    if windows.negatives is not None:
        assert last < windows.negatives[0] <= windows.negatives[1] <= end


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("how do wings lift", "ok"),
        ("Query: how do wings lift", "repaired"),
        ('"how do wings lift"\nExplanation: because', "repaired"),
        ("", "empty"),
        ("\n \n", "empty"),
        ("wing", "too short"),
        ("the wing produces lift", "copied"),
        ("word " * 41, "too long"),
        ("как крыло создаёт подъёмную силу", "wrong language"),
        ("Keywords: wing, lift", "repaired"),
        ("**Query:** how do wings lift", "repaired"),
        ("Query： how do wings lift", "repaired"),
    ],
)
def test_answers_become_typed_outcomes(answer: str, outcome: str) -> None:
    assert parse_query(answer, "The wing produces lift.")[1] == outcome


@pytest.mark.parametrize(
    ("lang", "check", "outcome"),
    [
        ("de", "detector", "wrong language"),
        ("de", "none", "ok"),
        ("", "detector", "ok"),
        ("en", "detector", "ok"),
    ],
)
def test_an_english_query_for_a_german_text(lang: str, check: LanguageCheck, outcome: str) -> None:
    text = "Der Flügel erzeugt den Auftrieb, der das Flugzeug trägt."
    assert parse_query("how does a wing carry the plane", text, lang, check)[1] == outcome


@given(st.text())
def test_any_answer_has_an_outcome(answer: str) -> None:
    query, outcome = parse_query(answer, "some text")
    assert outcome in {
        "ok", "repaired", "malformed", "empty", "too short", "too long", "copied", "wrong language"
    }  # fmt: skip
    assert query or outcome in ("empty", "malformed")


def test_the_stage(
    passages: Path, tiny_llm: Path, tmp_path: Path, change_manifest: Callable[..., None]
) -> None:
    settings = AugmentSettings.parse(
        {
            "crop": {"per_document": 2, "min_words": 4},
            "synthesize": {"documents": 3, "llm": str(tiny_llm), "sampling": {"max_new_tokens": 8}},
            "label": {
                "retrievers": ["bm25", str(tiny_llm)], "depth": 8, "positive_ranks": [1, 2],
                "negative_ranks": [4, 6], "scale_to_corpus": False, "keep_vectors": True, "max_length": 32,
            },
        },
        "augment",
    )  # fmt: skip
    manifest = augment(settings, passages, tmp_path / "out", seed=1)
    rows = list(read_examples(tmp_path / "out/examples.parquet"))
    assert len(rows) == manifest.figures["examples"] == manifest.counts["label: ok"]
    assert len({r.id for r in rows}) == len(rows)
    for row in rows:
        assert row.origin in row.positive_ids
        assert not set(row.positive_ids) & set(row.negative_ids)
        assert len(row.positive_ids) == len(row.positive_scores)
        assert len(row.negative_ids) == len(row.negative_scores)
    (scores,) = manifest.figures["histograms"].values()
    counted = {name: sum(counts) for name, counts in scores["counts"].items()}
    assert counted["hard negatives"] == sum(len(row.negative_ids) for row in rows)
    assert counted["positives"] == sum(isfinite(score) for row in rows for score in row.positive_scores)
    dropped = manifest.counts.get("label: hard negative is origin, dropped", 0)
    assert counted.get("dropped: origin", 0) == dropped
    qgen = sum(n for outcome, n in manifest.counts.items() if outcome.startswith("qgen: "))
    assert qgen >= 3
    assert set(VectorReader(tmp_path / "out/teacher/queries").load()[0]) == {r.id for r in rows}
    before = (tmp_path / "out/examples.parquet").read_bytes()
    # As if killed before the end: the manifest says running, and the same bytes come out.
    change_manifest(tmp_path / "out", status="running")
    (tmp_path / "out/examples.parquet").unlink()
    augment(settings, passages, tmp_path / "out", seed=1)
    assert (tmp_path / "out/examples.parquet").read_bytes() == before


def test_another_model_under_the_same_name_labels_again(
    passages: Path, tiny_llm: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(tiny_llm, tmp_path / "labeller")
    label = {"retrievers": [str(model)], "depth": 8, "max_length": 32}
    settings = AugmentSettings.parse({"label": label}, "augment")
    first = augment(settings, passages, tmp_path / "out").fingerprint
    assert augment(settings, passages, tmp_path / "out").fingerprint == first
    config = model / "config.json"
    config.write_text(config.read_text().replace('"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-02'))
    assert augment(settings, passages, tmp_path / "out").fingerprint != first


def test_nothing_to_make_is_an_error(passages: Path, tmp_path: Path) -> None:
    settings = AugmentSettings.parse({"crop": {"min_words": 400, "max_words": 400}}, "augment")
    with pytest.raises(DramaError, match="no query could be made"):
        augment(settings, passages, tmp_path / "out")


def test_vectors_of_several_models_give_the_mean_of_their_cosines(
    passages: Path, tiny_llm: Path, tmp_path: Path
) -> None:
    cosines = []
    for retrievers in (["lsa"], [str(tiny_llm)], ["lsa", str(tiny_llm)]):
        label = {"retrievers": retrievers, "keep_vectors": True, "precision": "fp32"}
        out = tmp_path / str(len(cosines))
        augment(AugmentSettings.parse({"label": label}, "augment"), passages, out)
        _, queries = VectorReader(out / "teacher/queries").load()
        _, documents = VectorReader(out / "teacher/documents").load()
        cosines.append(queries @ documents.T)
    np.testing.assert_allclose(cosines[2], (cosines[0] + cosines[1]) / 2, atol=2e-3)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Task: find pages\nQuery: why do wings lift\nLanguage: English", ("why do wings lift", "ok")),
        ('Sure!\nTask: a\nQuery: "why do wings lift"\nLanguage: b', ("why do wings lift", "repaired")),
        ("**Task:** a\n**Query:** why do wings lift\n**Language:** b", ("why do wings lift", "ok")),
        ("Task：a\nQuery：why do wings lift\nLanguage：b", ("why do wings lift", "ok")),
        ("Task: a\nmore of it\nQuery: why do wings lift\nmore\nLanguage: b", ("why do wings lift", "ok")),
        ("Task: find pages\nQuery: why do wings lift", ("", "malformed")),
        ("Query: why do wings lift\nTask: find pages\nLanguage: English", ("", "malformed")),
        ("Task: a\nQuery: why\nQuery: why do wings lift\nLanguage: English", ("", "malformed")),
        ("Task: find pages\nQuery:\nLanguage: English", ("", "empty")),
        ("", ("", "empty")),
    ],
)
def test_answers_in_lines(answer: str, expected: tuple[str, str]) -> None:
    lines = TextPrompt.load("search-agent", "queries").answer
    assert parse_query(answer, "The wing produces lift.", "en", "none", lines) == expected


def test_an_answer_in_lines_needs_room(passages: Path, tiny_llm: Path, tmp_path: Path) -> None:
    section = {"synthesize": {"documents": 2, "llm": str(tiny_llm), "prompts": ["search-agent"]}}
    with pytest.raises(DramaError, match="may take 256 tokens"):
        augment(AugmentSettings.parse(section, "augment"), passages, tmp_path / "out")


@pytest.mark.parametrize(
    ("section", "series"),
    [({"synthesize": {"documents": 4}}, "qgen"), ({"triplets": {"count": 2}}, "triplet")],
)
def test_an_llm_without_room_for_the_prompts_is_said_so(
    section: dict[str, dict[str, Any]], series: str, passages: Path, tiny_llm: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_llm, tmp_path / "short")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 64}))
    for values in section.values():
        values["llm"] = str(folder)
    settings = AugmentSettings.parse({"crop": {"per_document": 0}, **section}, "augment")
    with pytest.raises(DramaError, match="no query could be made") as caught:
        augment(settings, passages, tmp_path / "out")
    assert re.match(rf"{series}: (\d) of \1 prompts are too long for the LLM", caught.value.hint)


def test_several_prompts_and_the_round_trip(
    passages: Path, tiny_llm: Path, tmp_path: Path, rewrite_answers: Callable[..., int]
) -> None:
    store = tmp_path / "store"

    def run(**synthesize: object) -> Manifest:
        section = {"documents": 4, "llm": str(tiny_llm), "sampling": {"max_new_tokens": 8}, **synthesize}
        settings = AugmentSettings.parse({"synthesize": section, "crop": {"min_words": 4}}, "augment")
        return augment(settings, passages, tmp_path / "out", 1, store)

    run(prompts=["question", "keyword"])
    # what random weights say is no query
    texts = ["aircraft and lift", *(f"why nothing helps us{i}" for i in range(1, 8))]
    assert rewrite_answers(store / "answers.sqlite", texts.__getitem__) == 8
    manifest = run(prompts=["question", "keyword"])
    assert manifest.figures["llm: synthesize"]["requests"] == 8  # unchanged: skipped, as it was written
    manifest = run(prompts=["question", "keyword"], round_trip=8)
    assert manifest.figures["llm: synthesize"]["requests"] == 0
    assert manifest.counts["qgen-question: ok"] == manifest.counts["qgen-keyword: ok"] == 4
    rows = [row for row in read_examples(tmp_path / "out/examples.parquet") if row.kind == "qgen"]
    dropped = manifest.counts["qgen: does not lead back to its document, left out"]
    assert len(rows) + dropped == 8
    assert dropped >= 7  # BM25 finds no document for a query about nothing
    lines = [json.loads(line) for line in (tmp_path / "out/generated.jsonl").read_text().splitlines()]
    assert [line["prompt"] for line in lines] == ["question"] * 4 + ["keyword"] * 4
    with pytest.raises(DramaError, match="each prompt once"):
        run(prompts=["claim", "claim"])
    with pytest.raises(DramaError, match="round_trip 51 is above"):
        run(round_trip=51)


class EchoSettings(Maker):
    """A kind of the test's own: a document's first words."""

    kinds = {"echo": "words"}
    words: int = 0

    def make(self, documents: Documents, context: Context) -> Iterator[Candidate]:
        for document in documents:
            if self.words:
                query = " ".join(document.text.split()[: self.words])
                yield Candidate(f"echo-{document.id}", query, "echo", document.id, document.lang)


def test_a_new_kind_is_a_section_in_the_registry(
    passages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class MoreSettings(AugmentSettings):
        echo: EchoSettings = EchoSettings()

    monkeypatch.setitem(MAKERS, "echo", EchoSettings)
    assert EchoSettings.only(["echo"], 8, "an-llm") == {"words": 1}
    settings = MoreSettings.parse({"echo": {"words": 4}, "crop": {"per_document": 0}}, "augment")
    augment(settings, passages, tmp_path / "out")
    rows = list(read_examples(tmp_path / "out/examples.parquet"))
    assert [(row.kind, row.origin) for row in rows] == [("echo", f"d{i}") for i in range(8)]
