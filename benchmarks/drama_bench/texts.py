"""Documents of the corpora that `--data` names."""

from collections.abc import Iterable, Iterator

from drama.corpus.readers.inputs import read_input
from drama.corpus.readers.python_docs import python_docs
from drama.records import Document


def documents(data: Iterable[str]) -> Iterator[Document]:
    """The documents of each corpus in turn: `python-docs`, or anything that `corpus.inputs` takes.

    Raises:
        FileError: a corpus is missing or broken.
    """
    for place in data:
        yield from python_docs(None, 1, seed=0).documents if place == "python-docs" else read_input(place)
