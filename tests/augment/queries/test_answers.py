"""What LLMs put around a query: the query comes out, or an outcome of its own; the same by every prompt."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.augment.prompts.around import bare
from drama.augment.prompts.text_prompt import AnswerLines, TextPrompt
from drama.augment.queries.synthesize import parse_query, read_query
from drama.augment.queries.triplets import parse_triplet, read_triplet
from drama.llm import Answer

TEXT = "The wing produces lift."
QUERY = "how do wings lift"
OK, REPAIRED = (QUERY, "ok"), (QUERY, "repaired")
LINES = TextPrompt.load("search-agent", "queries").answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (QUERY, OK),
        (f"```\n{QUERY}\n```", REPAIRED),
        (f"```text\n{QUERY}\n```\nThis query asks for wings.", REPAIRED),
        (json.dumps({"query": QUERY}), REPAIRED),
        (json.dumps({"reason": "wings", "search_query": QUERY}, indent=2), REPAIRED),
        (f"```json\n{json.dumps({'Query': QUERY})}\n```", REPAIRED),
        (f"Here is the JSON:\n{json.dumps({'query': QUERY})}", REPAIRED),
        (json.dumps([QUERY, "another"]), REPAIRED),
        (json.dumps({"queries": [QUERY, "another"]}), REPAIRED),
        (json.dumps([{"query": QUERY}]), REPAIRED),
        (json.dumps({"thought": "wings"}), ("", "malformed")),
        ('{"query": "how do wi', ("", "malformed")),
        ("[{", ("", "malformed")),
        (f"1. {QUERY}\n2. what is lift", REPAIRED),
        (f"1) {QUERY}", REPAIRED),
        (f"- {QUERY}\n- what is lift", REPAIRED),
        (f"• **{QUERY}**", REPAIRED),
        (f"1. **Query:** {QUERY}", REPAIRED),
        (f"**Query:**\n{QUERY}", REPAIRED),
        (f"### Query: {QUERY}", REPAIRED),
        (f"**Query**: {QUERY}", REPAIRED),
        (f"query：{QUERY}", REPAIRED),
        (f'"Query": "{QUERY}"', REPAIRED),
        (f"Sure!\nQuery: {QUERY}", REPAIRED),
        (f"Here is a query:\n\n{QUERY}\n\nIt asks for wings.", REPAIRED),
        (f"{QUERY}<|im_end|>", REPAIRED),
        (f"“{QUERY}”", REPAIRED),
        (f"„{QUERY}“", REPAIRED),
        (f"'{QUERY}'", REPAIRED),
        (f'"{QUERY}', REPAIRED),
        ("how do \ufffd wings lift", ("", "malformed")),
        ('who said "I have a dream"', ('who said "I have a dream"', "ok")),
        ('"who said "I have a dream""', ('who said "I have a dream"', "repaired")),
        ('"free" or "at last"', ('"free" or "at last"', "ok")),
        ("«Война и мир» или «Анна Каренина»", ("«Война и мир» или «Анна Каренина»", "ok")),
        ('monitor of 27"', ('monitor of 27"', "ok")),
        ("5 * 3 * 2 in python", ("5 * 3 * 2 in python", "ok")),
        ("[python] wing code", ("[python] wing code", "ok")),
        ("{} in python", ("{} in python", "ok")),
        ("#1 of all wings", ("#1 of all wings", "ok")),
        ("what does <think> mean", ("what does <think> mean", "ok")),
        ("3. Liga Tabelle", ("3. Liga Tabelle", "ok")),
    ],
)
def test_the_query_comes_out(answer: str, expected: tuple[str, str]) -> None:
    assert parse_query(answer, TEXT, check="none") == expected


def test_an_ordinal_is_no_number_of_a_list() -> None:
    assert bare("1. Weltkrieg Beginn", "de") == "1. Weltkrieg Beginn"
    assert bare("1. Wann begann der Krieg", "de", "2. Wer war beteiligt") == "Wann begann der Krieg"
    assert bare("1. When did the war begin", "en") == "When did the war begin"


@pytest.mark.parametrize(
    "answer",
    [
        "{label} how do wings lift",
        "```\n{label} how do wings lift\n```",
        "1. {label} how do wings lift",
        '{label} "how do wings lift"',
        "{label} **how do wings lift**",
        "{label}\nhow do wings lift",
    ],
)
@pytest.mark.parametrize("label", ["Query:", "query:", "**Query:**", "Query：", "**Query**：", "## Query:"])
def test_every_prompt_reads_the_same_labels(answer: str, label: str) -> None:
    """The prompts that ask for a query alone, for lines, and for a triplet."""
    written = answer.format(label=label)
    assert parse_query(written, TEXT, check="none")[0] == QUERY
    inside = written.replace("```\n", "").replace("\n```", "")
    lines = f"Task: find pages\n{inside}\nLanguage: English"
    assert parse_query(lines, TEXT, "", "none", LINES)[0] == QUERY
    passage = "Air flows faster over the curved top of it, and so it is drawn up."
    triplet = f"Task: a\n{inside}\nPositive: {passage}\nNegative: No. {passage}"
    parts, _ = parse_triplet(triplet, "en", check=False)
    assert parts is not None
    assert parts.query == QUERY


def test_json_for_a_prompt_of_several_lines() -> None:
    whole = json.dumps({"Task": "find", "Query": QUERY, "Language": "English"})
    assert parse_query(whole, TEXT, "", "none", LINES) == REPAIRED
    assert parse_query(json.dumps({"Query": QUERY}), TEXT, "", "none", LINES) == ("", "malformed")
    passage = "Air flows faster over the curved top of it, and so it is drawn up."
    parts = {"task": "a", "query": QUERY, "positive": passage, "negative": f"No. {passage}"}
    found, outcome = parse_triplet(f"```json\n{json.dumps(parts)}\n```", "en")
    assert outcome == "repaired"
    assert found is not None
    assert (found.query, found.positive) == (QUERY, passage)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer("how do bees communicate the loc", "cut off"), ("", "cut off")),
        (Answer("गंगा का \ufffd"), ("", "cut off")),
        (Answer('"how do bees communicate the loc', "cut off"), ("", "cut off")),
        (Answer("Query: how do be", "cut off"), ("", "cut off")),
        (Answer("Here is a query:", "cut off"), ("", "cut off")),
        (Answer('{"query": "how do be', "cut off"), ("", "cut off")),
        (Answer("```\nhow do be", "cut off"), ("", "cut off")),
        (Answer(f"{QUERY}\n\nThis query asks for the loc", "cut off"), REPAIRED),
        (Answer(f'{{"query": "{QUERY}"}}\n\nThis', "cut off"), REPAIRED),
        (Answer(f"<think>\nThey want\n</think>\n\n{QUERY}"), REPAIRED),
        (Answer("<think>\nOkay, the user wants a search query", "cut off"), ("", "thinking not finished")),
        (Answer("status 400: too long", "refused"), ("", "refused by the server")),
        (Answer("", "cut off"), ("", "cut off")),
        (Answer(""), ("", "empty")),
    ],
)
def test_cut_and_thinking_answers_are_no_queries(answer: Answer, expected: tuple[str, str]) -> None:
    assert read_query(answer, TEXT, check="none") == expected


def test_only_the_line_of_the_query_must_be_whole() -> None:
    lines = "Task: find\nQuery: how do wings lift\nLanguage: Engl"
    assert read_query(Answer(lines, "cut off"), TEXT, "", "none", LINES)[0] == QUERY
    cut = Answer("Task: find\nQuery: how do wi", "cut off")
    assert read_query(cut, TEXT, "", "none", LINES) == ("", "cut off")


def test_a_cut_triplet_has_no_negative() -> None:
    passage = "Air flows faster over the curved top of it, and so it is drawn up."
    text = f"Task: a\nQuery: {QUERY}\nPositive: {passage}\nNegative: No. {passage}"
    assert read_triplet(Answer(text), "en")[1] == "ok"
    assert read_triplet(Answer(text[:-4], "cut off"), "en") == (None, "cut off")
    assert read_triplet(Answer(f"<think>a</think>{text}"), "en")[1] == "repaired"
    assert read_triplet(Answer("<think>a", "cut off"), "en") == (None, "thinking not finished")
    assert read_triplet(Answer("no", "refused"), "en") == (None, "refused by the server")


MARKS = [
    "```",
    "\n",
    '"',
    "“",
    "”",
    "{",
    "}",
    "[",
    "]",
    ":",
    "Query",
    "1. ",
    "- ",
    "*",
    "<think>",
    "</think>",
    " a",
    "\ufffd",
]


@given(st.lists(st.sampled_from(MARKS)).map("".join) | st.text())
def test_any_answer_has_an_outcome(text: str) -> None:
    for lines in (None, AnswerLines(labels=["Query"], query="Query", tokens=8)):
        for ending in ("end", "cut off"):
            query, outcome = read_query(Answer(text, ending), TEXT, "en", "none", lines)  # type: ignore[arg-type]
            if outcome in ("ok", "repaired"):
                assert query
                assert "\ufffd" not in query
                assert "\n" not in query
