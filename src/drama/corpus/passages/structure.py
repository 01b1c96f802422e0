"""The structure of a text: headings, paragraphs, blocks of code."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

_LINE = re.compile(r"[^\n]*\n?")
_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^`\n]*)$")
_LONGEST_HEADING = 200


class Block(NamedTuple):
    """A part of a text from `start` to `end`; `level` and `title` are a heading's."""

    kind: Literal["heading", "paragraph", "code"]
    start: int
    end: int
    level: int = 0
    title: str = ""


def blocks(text: str) -> Iterator[Block]:
    r"""The blocks of a text, in order; what is between them is white space.

    A heading is a line that begins with one to six `#` and a space, at the beginning of the text or after a
    blank line or another heading. Code is between fences as in Markdown; a fence that is never closed is
    none.

    >>> text = "# Tea\nSteep it.\n\n```sh\n# not a heading\n\nboil\n```\n"
    >>> [(block.kind, block.title or text[block.start : block.end]) for block in blocks(text)]
    [('heading', 'Tea'), ('paragraph', 'Steep it.'), ('code', '```sh\n# not a heading\n\nboil\n```')]
    """
    lines = [(found.start(), found.group().rstrip("\n")) for found in _LINE.finditer(text) if found.group()]
    fences = _fences([line for _, line in lines])
    paragraph: tuple[int, int] | None = None
    fresh = True  # the line before is blank or a heading
    at = 0
    while at < len(lines):
        start, line = lines[at]
        heading = _HEADING.match(line) if fresh and len(line) <= _LONGEST_HEADING else None
        if paragraph and (at in fences or not line.strip()):
            yield Block("paragraph", *paragraph)
            paragraph = None
        if at in fences:
            at = fences[at]
            yield Block("code", start, lines[at][0] + len(lines[at][1].rstrip()))
            fresh = True
        elif heading:
            yield Block("heading", start, start + len(line.rstrip()), len(heading[1]), heading[2])
        elif line.strip():
            first = paragraph[0] if paragraph else start + len(line) - len(line.lstrip())
            paragraph = first, start + len(line.rstrip())
            fresh = False
        else:
            fresh = True
        at += 1
    if paragraph:
        yield Block("paragraph", *paragraph)


def _fences(lines: list[str]) -> dict[int, int]:
    """Lines that open a block of code → those that close it."""
    marks = [(at, found[1], found[2]) for at, line in enumerate(lines) if (found := _FENCE.match(line))]
    closed: dict[int, int] = {}
    never = {"`": len("".join(lines)) + 1, "~": len("".join(lines)) + 1}  # lengths that nothing closes
    place = 0
    while place < len(marks):
        at, mark, _ = marks[place]
        if len(mark) < never[mark[0]]:
            for later in range(place + 1, len(marks)):
                close, other, about = marks[later]
                if other[0] == mark[0] and len(other) >= len(mark) and not about.strip():
                    closed[at], place = close, later
                    break
            else:
                never[mark[0]] = len(mark)
        place += 1
    return closed
