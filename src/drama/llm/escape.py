"""Control tokens written in a text are text: a document about ChatML must not end the user's turn."""

import re
from collections.abc import Collection, Iterator

from drama.llm.chat import Messages

_CONTROL = re.compile(
    r"<(?=[|｜][^<>\s]{1,40}[|｜]>)"  # <|im_end|>, <|eot_id|>, DeepSeek's full-width bars
    r"|<(?=/?(?:s|bos|eos|pad|unk|mask|think|start_of_turn|end_of_turn|turn\||\|turn)>)"
    r"|\[(?=/?(?:INST|THINK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])"
    r"|<(?=</?SYS>>)"
)


def escaped(prompt: Messages) -> Messages:
    """A chat for a server, whose tokenizer we can't see: what many models read as a control token gets a
    space.

    >>> escaped([{"role": "user", "content": "ChatML ends with <|im_end|>, Llama with </s>."}])[0]["content"]
    'ChatML ends with < |im_end|>, Llama with < /s>.'
    """
    return [
        {**turn, "content": _CONTROL.sub(lambda found: found[0] + " ", turn["content"])} for turn in prompt
    ]


class Shield:
    """Stands in for the control tokens in a chat while a template is filled, so that those of the template
    and those of the texts can be told apart.

    >>> shield = Shield(["<|im_end|>"])
    >>> chat = shield.cover([{"role": "user", "content": "It is <|im_end|> here."}])
    >>> list(shield.pieces(f"<|im_start|>user {chat[0]['content']}<|im_end|>"))
    [('<|im_start|>user It is ', False), ('<|im_end|>', True), (' here.<|im_end|>', False)]
    """

    def __init__(self, controls: Collection[str]) -> None:
        longest_first = sorted(filter(None, controls), key=len, reverse=True)
        self._controls = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._covered: list[str] = []
        self._mark = ""

    def cover(self, prompt: Messages) -> Messages:
        """The chat without control tokens; the same one where it has none."""
        if self._controls is None or not any(self._controls.search(turn["content"]) for turn in prompt):
            return prompt
        whole = "".join(turn["content"] for turn in prompt)
        self._mark = next(mark for mark in map(chr, range(0xE000, 0xF8FF)) if mark not in whole)
        return [{**turn, "content": self._controls.sub(self._cover, turn["content"])} for turn in prompt]

    def _cover(self, found: re.Match[str]) -> str:
        self._covered.append(found[0])
        return f"{self._mark}{len(self._covered) - 1}{self._mark}"

    def pieces(self, text: str) -> Iterator[tuple[str, bool]]:
        """The parts of the filled template, each with whether it was a control token of a text."""
        if not self._mark:
            yield text, False
            return
        for number, part in enumerate(text.split(self._mark)):
            if part:
                yield (self._covered[int(part)], True) if number % 2 else (part, False)
