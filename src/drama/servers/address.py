"""Addresses of models on OpenAI-compatible servers: `http://localhost:8000/v1#model-name`."""

from collections.abc import Collection, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from drama.errors import DramaError
from drama.redact import redacted

LLM_KEY = "DRAMA_LLM_API_KEY"
EMBEDDINGS_KEY = "DRAMA_EMBEDDINGS_API_KEY"
"""The environment variables that hold servers' API keys, which are stored nowhere else."""
_EXAMPLE = "like http://localhost:8000/v1#model-name"
_KINDS = ("input_type", "task", "prefix")


class Embeddings(NamedTuple):
    """A server of embeddings: its URL, and what queries and documents are sent with."""

    url: str
    models: tuple[str, str]
    """Of queries and of documents."""
    fields: Mapping[str, tuple[str, str]]
    """Further fields of a request, for queries and for documents."""
    prefixes: tuple[str, str]
    """Put before each query and each document."""


def is_server(name: str) -> bool:
    """Whether a model's name is the address of a server.

    >>> is_server("http://localhost:8000/v1#qwen"), is_server("smollm2-135m")
    (True, False)
    """
    return name.startswith(("http://", "https://"))


def server_address(name: str) -> tuple[str, str]:
    """Split an LLM's address into the server's URL and the model's name.

    >>> server_address("http://localhost:8000/v1/#Qwen/Qwen3-8B")
    ('http://localhost:8000/v1', 'Qwen/Qwen3-8B')

    Raises:
        DramaError: no host, no model, or a key, a password or a query in the address.
    """
    url, model, _ = _split(name, "LLM", LLM_KEY, ())
    return url, model


def embeddings_address(name: str) -> Embeddings:
    """Read the address of an embedding model. What queries and documents are sent with stands between `?` and
    `#`, the queries' before the comma: `input_type` and `task` are fields of a request, `prefix` goes before
    each text. Two models, with a comma, are one for queries and one for documents.

    >>> embeddings_address("http://localhost:8000/v1?input_type=query,passage#e5").fields
    {'input_type': ('query', 'passage')}
    >>> embeddings_address("https://host/v1?prefix=query:%20,passage:%20#e5").prefixes
    ('query: ', 'passage: ')
    >>> embeddings_address("http://localhost:8000/v1#e5-query,e5-passage").models
    ('e5-query', 'e5-passage')

    Raises:
        DramaError: no host or model, an unknown word after `?`, one without a comma, or a key or password.
    """
    url, model, options = _split(name, "embedding model", EMBEDDINGS_KEY, _KINDS)
    fields = {key: _pair(f"{key}=", value, url) for key, value in options.items()}
    prefixes = fields.pop("prefix", ("", ""))
    return Embeddings(url, _pair("#", model, url) if "," in model else (model, model), fields, prefixes)


def check_embeddings(names: Collection[str]) -> None:
    """Refuse a broken address among the names of models.

    Raises:
        DramaError: see `embeddings_address`.
    """
    for name in names:
        if is_server(name):
            embeddings_address(name)


def _pair(what: str, text: str, url: str) -> tuple[str, str]:
    """What is for queries, and what for documents."""
    query, comma, document = text.partition(",")
    if not comma or "," in document:
        raise DramaError(
            f"{url}: {what}{text}: not one for queries and one for documents",
            hint=f"separate them by a comma, like {what}query,passage",
        )
    return query, document


def _split(name: str, what: str, variable: str, known: Collection[str]) -> tuple[str, str, dict[str, str]]:
    """URL, model, and the options between `?` and `#`."""
    try:
        parts = urlsplit(name)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise DramaError(f"the address of the {what} is not a valid URL", _EXAMPLE) from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.username or parts.password or not options.keys() <= {*known} or "?" in parts.fragment:
        raise DramaError(
            f"the address of the {what} at {host} must not contain a key, a password or a query"
            + (f" other than {', '.join(known)}" if known else ""),
            hint=f"put the key into the environment variable {variable}",
        )
    if not host or not parts.fragment:
        raise DramaError(f"{redacted(name)}: names no model of a server", _EXAMPLE)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", parts.fragment, options
