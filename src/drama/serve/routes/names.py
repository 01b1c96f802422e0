"""The names of the model that is served.

OpenAI's API knows no difference between queries and documents, and most clients can't say it. So the model
has two more names: with `:query` texts are queries, with `:document` documents.
"""

from drama.serve.served import Model

KINDS = ("query", "document")


class NoModelError(Exception):
    """A model that is not served."""


def names_of(model: Model) -> list[str]:
    """All names of a model."""
    return [model.name, *(f"{model.name}:{kind}" for kind in KINDS)]


def kind_in(name: str | None, model: Model) -> str | None:
    """What a model's name says of the texts; None: nothing.

    Raises:
        NoModelError: another model.
    """
    if name is None or name == model.name:
        return None
    if name not in names_of(model):
        raise NoModelError(f"no model '{name}' here; there is {', '.join(names_of(model))}")
    return name.rpartition(":")[2]
