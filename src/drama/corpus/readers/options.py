"""Options after an input's name: `papers.jsonl?text=abstract&id=doi`."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

from drama.errors import DramaError


def split_options(name: str, known: Sequence[str], example: str) -> tuple[str, dict[str, str]]:
    """What stands before the question mark, and the options after it.

    >>> split_options("papers.jsonl?text=abstract", ["text", "id"], "")
    ('papers.jsonl', {'text': 'abstract'})

    Args:
        name: the input.
        known: its options.
        example: a right name, for errors.

    Raises:
        DramaError: nothing before the question mark, or an unknown or empty option.
    """
    place, mark, query = name.partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    wrong = next(
        (key for key, value in options if key not in known or not value), "" if options or not mark else "?"
    )
    if not place or wrong or len(dict(options)) < len(options):
        problem = (
            f"'{wrong}' is no option, or empty"
            if wrong
            else "an option is there twice"
            if place
            else "no name"
        )
        raise DramaError(f"{name}: {problem}", hint=f"like {example}; options: {', '.join(known)}")
    return place, dict(options)
