"""An answer: what an LLM wrote, and how it ended."""

from typing import Literal, NamedTuple

from drama.llm.thinking import without_thinking

Ending = Literal["end", "cut off", "refused", "too long"]

REFUSED = "refused by the server"
"""Outcome of a prompt that a server does not accept, or whose answer it holds back."""
TOO_LONG = "too long for the LLM"
"""Outcome of a prompt that, with room for its answer, the model does not take."""
THINKING = "thinking not finished"
"""Outcome of an answer that is nothing but thinking."""
CUT_OFF = "cut off"
"""Outcome of an answer whose part that matters was cut off at `max_new_tokens`."""
BROKEN = "\ufffd"
"""What stands in for bytes that are not a character."""
_NOT_ANSWERED = {"refused": REFUSED, "too long": TOO_LONG}


class Answer(NamedTuple):
    """What an LLM wrote.

    >>> answer = Answer("<think>They ask for a query.</think>how do wings lift")
    >>> answer.said, answer.problem, answer.cut
    ('how do wings lift', '', False)
    >>> Answer("<think>They ask", "cut off").problem
    'thinking not finished'
    """

    text: str
    """As it was written, thinking included; the server's words where it refuses."""
    ending: Ending = "end"
    """`end`: the LLM ended it; `cut off` at `max_new_tokens`; `refused` by a server; `too long`, a
    prompt that was not sent."""

    @property
    def said(self) -> str:
        """The answer without thinking; empty where there is none."""
        return "" if self.ending in _NOT_ANSWERED else without_thinking(self.text) or ""

    @property
    def problem(self) -> str:
        """Why there is no answer at all, as an outcome; empty where there is one."""
        if self.ending in _NOT_ANSWERED:
            return _NOT_ANSWERED[self.ending]
        return THINKING if without_thinking(self.text) is None else ""

    @property
    def cut(self) -> bool:
        """Whether its end is missing: cut off at the limit, or in the middle of a character."""
        return self.ending == "cut off" or self.text.endswith(BROKEN)


def whole_characters(text: str) -> str:
    """A text that any file can hold: half a surrogate pair becomes U+FFFD.

    >>> whole_characters("tea \\ud83c")
    'tea \ufffd'
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
