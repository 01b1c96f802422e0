"""A chat as messages, and as the text that an LLM without a chat template reads."""

Messages = list[dict[str, str]]
"""The turns of a chat: `role` and `content` of each."""


def as_text(messages: Messages) -> str:
    """A chat as plain text, for an LLM that was not trained on chats: each answer follows its question,
    and turns are separated by a blank line.

    >>> shot = [{"role": "user", "content": "Tea. Query:"}, {"role": "assistant", "content": "a cup"}]
    >>> as_text([*shot, {"role": "user", "content": "Rain. Query:"}])
    'Tea. Query: a cup\\n\\nRain. Query:'
    """
    text = ""
    for message in messages:
        gap = " " if message["role"] == "assistant" else "\n\n" if text else ""
        text += gap + message["content"].strip()
    return text


def without_system(messages: Messages) -> Messages:
    """A chat whose system turn is part of the first question, for templates that know no system turn.

    >>> without_system([{"role": "system", "content": "Ask."}, {"role": "user", "content": "Tea."}])
    [{'role': 'user', 'content': 'Ask.\\n\\nTea.'}]
    """
    if messages[0]["role"] != "system":
        return messages
    system, first, *rest = messages
    return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]
