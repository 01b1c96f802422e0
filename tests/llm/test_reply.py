"""What servers send: how an answer ended, thinking in its many forms, parts, halves of characters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.llm import Answer
from drama.llm.reply import read_completion
from drama.servers.reply import described_model

QUERY = "how do wings lift"
LOC = "how do bees communicate the loc"
TAGS = "what does <think> mean in </think> tags"


def completion(content: Any, reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content, **message}, "finish_reason": reason}]}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    ("reply", "said", "problem", "cut"),
    [
        (completion(QUERY), QUERY, "", False),
        (completion(LOC, "length"), LOC, "", True),
        (completion("how do bees", "model_length"), "how do bees", "", True),
        (completion("गंगा का \ufffd"), "गंगा का \ufffd", "", True),
        (completion(None), "", "", False),
        (completion("<think>\nThey want\n</think>\n\nhow do wings lift"), QUERY, "", False),
        (completion("They want\n</think>\n\nhow do wings lift"), QUERY, "", False),
        (completion("They want</think>\nhow do wings lift"), QUERY, "", False),
        (completion("<think>\nOkay, they want", "length"), "", "thinking not finished", True),
        (completion("<think>\nOkay, they want"), "", "thinking not finished", False),
        (completion("[THINK]Okay[/THINK]how do wings lift"), QUERY, "", False),
        (completion("<think></think><think>b</think> how do wings lift"), QUERY, "", False),
        (completion("analysisThey want it.assistantfinalhow do wings lift"), QUERY, "", False),
        (completion("<|channel|>analysis<|message|>They want", "length"), "", "thinking not finished", True),
        (
            completion("<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>"),
            "b", "", False,
        ),
        (completion(None, "length", reasoning_content="Okay"), "", "thinking not finished", True),
        (completion("", "stop", reasoning="Okay"), "", "thinking not finished", False),
        (completion(QUERY, reasoning_content="Okay"), QUERY, "", False),
        (completion([text("how do "), text("wings")]), "how do wings", "", False),
        (completion([{"type": "thinking", "thinking": []}, text("wings")]), "wings", "", False),
        (completion([{"type": "thinking", "thinking": []}], "length"), "", "thinking not finished", True),
        (completion("half a smile \ud83d"), "half a smile \ufffd", "", True),
        (completion(TAGS), TAGS, "", False),
    ],
)  # fmt: skip
def test_answers_and_how_they_ended(reply: dict[str, Any], said: str, problem: str, cut: bool) -> None:
    answer, _, _ = read_completion(reply, 32)
    assert (answer.said, answer.problem, answer.cut) == (said, problem, cut)
    answer.text.encode()


def test_as_many_tokens_as_were_asked_for_are_a_cut_answer_where_nothing_else_is_said() -> None:
    for tokens, ending in ((32, "cut off"), (31, "end")):
        reply = completion("how do bees", None) | {"usage": {"prompt_tokens": 5, "completion_tokens": tokens}}
        assert read_completion(reply, 32) == (Answer("how do bees", ending), 5, tokens)


def test_an_answer_that_a_filter_held_back_is_a_refusal() -> None:
    answer, _, _ = read_completion(completion("how do b", "content_filter"), 32)
    assert answer.problem == "refused by the server"


@pytest.mark.parametrize(
    "reply",
    [None, [], {}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": None}]}, completion({"a": 1}),
     completion([3]), {**completion("a"), "usage": [1]}, "text"],
)  # fmt: skip
def test_what_is_no_completion(reply: Any) -> None:
    with pytest.raises(ValueError, match="not a chat completion"):
        read_completion(reply, 32)


@pytest.mark.parametrize(
    "reply", [None, [], {}, {"data": None}, {"data": [None]}, {"data": [{"id": 5, "root": 6}]}, "x"]
)
def test_a_list_of_models_that_says_nothing(reply: Any) -> None:
    assert described_model(reply, "chat") == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON, JSON, JSON)
def test_any_reply_is_an_answer_or_no_completion(
    content: Any, reason: Any, usage: Any, thinking: Any
) -> None:
    reply = completion(content, reason, reasoning_content=thinking) | {"usage": usage}
    for each in (reply, content, {"choices": content}):
        try:
            answer, asked, made = read_completion(each, 32)
        except ValueError:
            continue
        answer.text.encode()
        assert isinstance(asked + made, int)
        assert answer.problem == "" or answer.said == ""
    for listed in (
        content,
        {"data": content},
        {"data": [content]},
        {"data": [{"id": content, "root": usage}]},
    ):
        assert isinstance(described_model(listed, "chat"), str)
