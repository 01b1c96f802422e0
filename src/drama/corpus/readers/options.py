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
        DramaError: nothing before or after the question mark, or an option that is unknown, empty or given
            twice.
    """
    place, mark, query = name.partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    wrong = [key for key, value in options if key not in known or not value]
    problem = ""
    if not place:
        problem = "no name before the question mark" if mark else "no name"
    elif wrong:
        problem = f"'{wrong[0]}' is an unknown or empty option"
    elif mark and not options:
        problem = "no option after the question mark"
    elif len(dict(options)) < len(options):
        problem = "an option is given twice"
    if problem:
        raise DramaError(f"{name}: {problem}", hint=f"like {example}; options: {', '.join(known)}")
    return place, dict(options)
