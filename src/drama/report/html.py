"""Pieces of the page: tables, folded sections, values in words."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

MEANINGS = {
    "nDCG@10": "normalised discounted cumulative gain: how near the first ten hits are to the ideal order; "
    "1 is perfect, 0 means that none of them is relevant",
    "R@100": "recall: share of the relevant documents among the first hundred hits",
    "RR@10": "reciprocal rank: 1 / rank of the first relevant hit, 0 below the tenth; mean over the queries",
    "p vs bm25": "how likely so large a difference from BM25 is by chance (paired randomisation test)",
    "documents/s": "documents that were encoded a second in this run",
    "mean": "mean of the kinds of queries",
}
"""Of column heads."""


def table(head: Sequence[str], rows: Iterable[Sequence[object]], text_columns: int = 2) -> str:
    """A table; the columns after the first `text_columns` hold numbers. On a narrow screen each row is a
    card."""

    def cell(place: int, value: object) -> str:
        number = "" if place < text_columns else " class=n"
        return f'<td{number} data-label="{escape(head[place])}">{escape(str(value))}</td>'

    top = "".join(
        f"<th{'' if i < text_columns else ' class=n'}>{explained(name)}</th>" for i, name in enumerate(head)
    )
    body = "".join(
        "<tr>" + "".join(cell(place, value) for place, value in enumerate(row)) + "</tr>" for row in rows
    )
    return f"<div class=scroll><table><tr class=head>{top}</tr>{body}</table></div>"


def explained(name: str) -> str:
    """A column head, with what it means where that needs saying.

    >>> explained("model")
    'model'
    """
    meaning = MEANINGS.get(name)
    return f'<abbr title="{escape(meaning)}">{escape(name)}</abbr>' if meaning else escape(name)


def meanings(names: Iterable[str]) -> str:
    """The same in a line under a table, for screens without a pointer."""
    said = "; ".join(f"{name}: {MEANINGS[name]}" for name in names if name in MEANINGS)
    return f"<details><summary class=small>What the columns mean</summary><p>{escape(said)}.</p></details>"


def folded(title: str, content: str) -> str:
    """A section that opens by a click; nothing where it would be empty."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>" if content else ""


def words(value: Any) -> str:
    """A figure as people write it.

    >>> words({"de": 3, "fi": 12000}), words([0.5, True]), words([])
    ('de 3, fi 12,000', '0.5, yes', 'none')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {words(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value)) or "none"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    return "none" if value is None else str(value)


def marked(text: str, marks: Iterable[Sequence[int]]) -> str:
    """A text with some of its parts marked.

    >>> marked("wings <b>", [[0, 5]])
    '<mark>wings</mark> &lt;b&gt;'
    """
    pieces, at = [], 0
    for start, end in marks:
        pieces += [escape(text[at:start]), f"<mark>{escape(text[start:end])}</mark>"]
        at = end
    return "".join([*pieces, escape(text[at:])])
