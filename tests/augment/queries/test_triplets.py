"""Triplets: prompts and their draws, answers as typed outcomes, and how the passages get into training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.augment import AugmentSettings, augment
from drama.augment.prompts.triplet_prompt import TripletPrompt
from drama.augment.queries.triplets import parse_triplet
from drama.errors import DramaError
from drama.records import Document, read_examples, read_passages, write_passages
from drama.train import TrainSettings, train
from drama.workspace import VectorReader

TEA = "Leaves for green tea are heated right after picking, so that they do not turn brown."
COFFEE = "Coffee beans are roasted at high heat until they are brown and smell of caramel."


def answer(query: str = "how is green tea made", positive: str = TEA, negative: str = COFFEE) -> str:
    return f"Task: Find out how.\nQuery: {query}\nPositive: {positive}\nNegative: {negative}"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (answer(), "ok"),
        (f"\n{answer()}\n", "ok"),
        ("Sure!\n" + answer(), "repaired"),
        (answer().replace("Query:", "**Query:**"), "repaired"),
        (answer().replace(":", "："), "repaired"),
        (answer(positive=""), "missing part"),
        ("", "missing part"),
        (answer() + "\nQuery: another one", "parts repeated or out of order"),
        ("Query: tea\nTask: t\n" + answer().split("made\n")[1], "parts repeated or out of order"),
        (answer(query="tea " * 41), "query too long"),
        (answer(negative="Coffee."), "passage too short"),
        (answer(query="leaves for green tea"), "copied"),
        (answer(negative=TEA), "copied"),
        (answer(negative="Kaffee wird bei großer Hitze geröstet, bis er braun ist."), "wrong language"),
    ],
)  # fmt: skip
def test_answers_become_typed_outcomes(text: str, outcome: str) -> None:
    parts, found = parse_triplet(text, "en")
    assert found == outcome
    assert (parts is None) == (outcome not in ("ok", "repaired"))
    if parts is not None:
        assert (parts.query, parts.positive, parts.negative) == ("how is green tea made", TEA, COFFEE)


def test_the_language_check_can_be_left_out() -> None:
    assert parse_triplet(answer(), "fi")[1] == "wrong language"
    assert parse_triplet(answer(), "fi", check=False)[1] == "ok"


@given(
    st.text()
    | st.lists(st.sampled_from(["Task: ", "Query:", "Positive: x", "Negative:", "\n", TEA])).map("".join)
)
def test_any_answer_has_an_outcome(text: str) -> None:
    parts, outcome = parse_triplet(text, "en")
    assert (parts is not None) == (outcome in ("ok", "repaired"))


def test_the_prompt_never_asks_twice_for_the_same() -> None:
    prompt = TripletPrompt.load("triplet", "triplets")
    drawn = prompt.draw(300, seed=5)
    assert len({tuple(values.items()) for values in drawn}) == 300
    assert prompt.draw(300, seed=5) == drawn != prompt.draw(300, seed=6)
    chat = prompt.messages({**drawn[0], "language": "Finnish"})
    assert "Finnish" in chat[-1]["content"]
    assert "{" not in "".join(turn["content"] for turn in chat)
    for turn in chat[2::2]:  # the parser accepts the answers of the shots
        lang = "de" if "Probezeit" in turn["content"] else "en"
        assert parse_triplet(turn["content"], lang)[1] == "ok"
    with pytest.raises(DramaError, match="choices differ in 5400 ways"):
        prompt.draw(5401, seed=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("system: s\nuser: '{topic}'\nchoices: {topic: [a]}\n", r"user holds no \{language\}"),
        ("system: s\nuser: '{language}'\nchoices: {topic: [a]}\n", r"user holds no \{topic\}"),
        ("system: s\nuser: '{topic} {language}'\nchoices: {topic: [a, a]}\n", "each choice once"),
        (
            "system: s\nuser: '{topic} {language}'\nchoices: {topic: [a]}\n"
            "shots: [{values: {}, answer: b}]\n",
            "shot 1 must have values for topic, language",
        ),
    ],
)
def test_broken_prompts_are_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(DramaError, match=message):
        TripletPrompt.load(str(tmp_path / "mine.yaml"), "triplets")


def test_from_answers_to_a_trained_model(
    tiny_llm: Path, texts: list[str], tmp_path: Path, rewrite_answers: Callable[..., int]
) -> None:
    passages, store = tmp_path / "passages.parquet", tmp_path / "store"
    write_passages(passages, [Document(f"d{i}", "", text, "en", "s") for i, text in enumerate(texts)])
    prompt = tmp_path / "short.yaml"
    prompt.write_text("system: Write.\nuser: '{topic} in {language}'\nchoices: {topic: [tea, rain, salt]}\n")

    def run(out: str, **sections: Any) -> Any:
        asked = {"count": 3, "languages": ["en", "fi"], "prompt": str(prompt)}
        triplets = {**asked, "llm": str(tiny_llm), "sampling": {"max_new_tokens": 4}}
        values = {"triplets": triplets, "label": {"retrievers": ["lsa"], "keep_vectors": True}, **sections}
        return augment(AugmentSettings.parse(values, "augment"), passages, tmp_path / out, 1, store)

    manifest = run("random")
    assert manifest.counts["triplet: cut off"] == 6  # random weights write no triplet, and no end
    assert manifest.figures["llm: triplets"]["requests"] == 6
    assert not (tmp_path / "random/written.parquet").exists()
    rewrite_answers(store / "answers.sqlite", lambda i: answer(f"how is tea number {i // 2} made"))

    manifest = run("out")
    assert manifest.figures["llm: triplets"]["requests"] == 0
    assert manifest.counts["triplet: ok"] + manifest.counts["triplet: wrong language"] == 6
    assert manifest.counts["triplet: wrong language"] == 3  # the Finnish ones are in English
    rows = [row for row in read_examples(tmp_path / "out/examples.parquet") if row.kind == "triplet"]
    assert len(rows) + manifest.counts.get("triplet: same query twice, left out", 0) == 3
    written = {d.id: d for d in read_passages(tmp_path / "out/written.parquet")}
    assert {i for row in rows for i in (*row.positive_ids, *row.negative_ids)} == {*written}
    assert {written[row.positive_ids[0]].text for row in rows} == {TEA}
    others = [row for row in read_examples(tmp_path / "out/examples.parquet") if row.kind == "sent"]
    assert not any(i in written for row in others for i in (*row.positive_ids, *row.negative_ids))
    ids, vectors = VectorReader(tmp_path / "out/teacher/documents").load()
    assert {*ids} == {*written, *(f"d{i}" for i in range(8))}
    assert len(vectors) == len(ids)
    lines = [json.loads(line) for line in (tmp_path / "out/triplets.jsonl").read_text().splitlines()]
    assert [line["asked"]["language"] for line in lines] == ["English"] * 3 + ["Finnish"] * 3

    settings = TrainSettings.parse(
        {
            "steps": 2,
            "batch": {"size": 4},
            "loss": {"distill": {"kl_weight": 0.5}},
            "retriever": {"max_length": 64},
        },
        "train",
    )
    examples, teacher = tmp_path / "out/examples.parquet", tmp_path / "out/teacher"
    trained = train(settings, tiny_llm, passages, examples, tmp_path / "train", 1, teacher)
    assert trained.counts["examples: triplet"] == len(rows)
    assert "written" in trained.inputs

    alone = run("alone", crop={"per_document": 0}, label={"retrievers": ["lsa"]})
    assert alone.figures["examples"] == len(rows)
    clash = [Document("triplet-000000/positive", "", "A document of this name.", "en")]
    write_passages(passages, clash)
    with pytest.raises(DramaError, match="as a written passage may be"):
        run("clash")
