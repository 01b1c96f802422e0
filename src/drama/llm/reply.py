"""Reading a chat completion."""

from typing import Any

from drama.llm.answer import Answer, whole_characters

_CUT = ("length", "max_tokens", "model_length")
"""`finish_reason` of an answer whose end is missing."""
_FILTERED = "content_filter"


def read_completion(reply: Any, most: int) -> tuple[Answer, int, int]:
    """The answer of a chat completion, and its tokens: the prompt's and its own.

    Thinking that the server has taken out of the answer is the answer's text where there is nothing else.

    Args:
        reply: the JSON value.
        most: the tokens that were asked for: as many, and no word about how it ended, is a cut answer.

    Raises:
        ValueError: it is not a chat completion.

    >>> read_completion({"choices": [{"message": {"content": " tea "}, "finish_reason": "length"}]}, 8)[0]
    Answer(text='tea', ending='cut off')
    """
    try:
        choice = reply["choices"][0]
        message = choice["message"]
        usage = reply.get("usage") or {}
        asked, made = (int(usage.get(key) or 0) for key in ("prompt_tokens", "completion_tokens"))
        reason = choice.get("finish_reason")
        text = _text(message.get("content"))
        thinking = message.get("reasoning_content") or message.get("reasoning")
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a chat completion: {error}") from None
    if not text and isinstance(thinking, str) and thinking.strip():
        text = f"<think>{thinking}"
    if reason == _FILTERED:
        return Answer("the server holds its answer back (content_filter)", "refused"), asked, made
    cut = reason in _CUT or (reason is None and made >= most)
    return Answer(whole_characters(text).strip(), "cut off" if cut else "end"), asked, made


def _text(content: Any) -> str:
    """The text of a message, which may come in parts, some of which may be thinking."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else part.get("text") for part in content]
        if not any(texts) and content:
            return "<think>"  # parts, but none of them text
        return "".join(text for text in texts if isinstance(text, str))
    raise TypeError(f"content is {type(content).__name__}")
