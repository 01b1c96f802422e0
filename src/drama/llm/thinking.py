"""Thinking: what a reasoning LLM writes before its answer. It is not part of the answer.

Servers may leave it in the text, and so does an LLM in this process. Marks count only where they can be
marks: at the beginning, or where a line of thinking ends. The same words inside an answer are text.
"""

import re

_PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought", "<channel|>"),
)
_CHANNEL, _MESSAGE = "<|channel|>", "<|message|>"
_HARMONY = ("<|start|>", _CHANNEL, _MESSAGE, "<|end|>", "<|return|>", "<|constrain|>")
MARKS = frozenset(mark for pair in _PAIRS for mark in pair) | {*_HARMONY, "<|channel>", "<channel|>"}
"""Marks around thinking. Where they are special tokens, they are not left out of the decoded text."""

_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|start|call)\|>")
_BARE_CHANNELS = re.compile(r"analysis.*assistantfinal", re.DOTALL)
"""Harmony's channels where a server has removed the special tokens."""
_CLOSED = re.compile("|".join(rf"\n[ \t]*{re.escape(end)}|{re.escape(end)}[ \t]*\n" for _, end in _PAIRS))


def without_thinking(text: str) -> str | None:
    """What was said after thinking; None where the thinking did not come to an end.

    >>> without_thinking("<think>\\nThey ask for a query.\\n</think>\\n\\nhow do wings lift")
    'how do wings lift'
    >>> without_thinking("They ask for a query.\\n</think>\\n\\nhow do wings lift")
    'how do wings lift'
    >>> without_thinking("<think>They ask for") is None
    True
    >>> without_thinking("what does the tag <think> mean")
    'what does the tag <think> mean'
    >>> analysis = "<|channel|>analysis<|message|>They ask for a query.<|end|>"
    >>> without_thinking(analysis + "<|start|>assistant<|channel|>final<|message|>tea")
    'tea'
    """
    text = text.strip()
    if text.startswith((_CHANNEL, "<|start|>")) and _CHANNEL in text:
        return _final_channel(text)
    if bare := _BARE_CHANNELS.match(text):
        return text[bare.end() :].strip()
    while pair := next((pair for pair in _PAIRS if text.startswith(pair[0])), None):
        _, closed, text = text.partition(pair[1])
        if not closed:
            return None
        text = text.strip()
    # A chat template may have opened the thinking, so that the text holds its end alone.
    if found := [*_CLOSED.finditer(text)]:
        opened = any(begin in text for begin, _ in _PAIRS)
        return text if opened else text[found[-1].end() :].strip()
    return text


def _final_channel(text: str) -> str | None:
    found = [*_FINAL.finditer(text)]
    if not found:
        return None
    return _CHANNEL_END.split(text[found[-1].end() :])[0].strip()
