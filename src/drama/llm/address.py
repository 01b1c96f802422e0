"""Names of LLMs: a server's `http://localhost:8000/v1#model-name`, vLLM's `vllm:NAME`, or a model's own."""

from urllib.parse import urlsplit

from drama.errors import DramaError
from drama.redact import redacted

KEY_VARIABLE = "DRAMA_LLM_API_KEY"
"""The environment variable that holds the server's API key, which is stored nowhere else."""
VLLM = "vllm:"
_EXAMPLE = "like http://localhost:8000/v1#model-name"


def is_server(name: str) -> bool:
    """Whether an LLM's name is the address of a server.

    >>> is_server("http://localhost:8000/v1#qwen"), is_server("smollm2-135m")
    (True, False)
    """
    return name.startswith(("http://", "https://"))


def is_vllm(name: str) -> bool:
    """Whether an LLM's name requests vLLM.

    >>> is_vllm("vllm:smollm2-135m"), is_vllm("smollm2-135m")
    (True, False)
    """
    return name.startswith(VLLM)


def model_of(name: str) -> str:
    """The name of the weights.

    >>> model_of("vllm:smollm2-135m"), model_of("smollm2-135m")
    ('smollm2-135m', 'smollm2-135m')
    """
    return name.removeprefix(VLLM)


def server_address(name: str) -> tuple[str, str]:
    """Split an address into the server's URL and the model's name.

    >>> server_address("http://localhost:8000/v1/#Qwen/Qwen3-8B")
    ('http://localhost:8000/v1', 'Qwen/Qwen3-8B')

    Raises:
        DramaError: no host, no model, or a key or password in the address.
    """
    try:
        parts = urlsplit(name)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise DramaError("the address of the LLM is not a valid URL", _EXAMPLE) from None
    if parts.username or parts.password or parts.query or "?" in parts.fragment:
        raise DramaError(
            f"the address of the LLM at {host} must not contain a key, a password or a query",
            hint=f"put the key into the environment variable {KEY_VARIABLE}",
        )
    if not host or not parts.fragment:
        raise DramaError(f"{redacted(name)}: names no model of a server", _EXAMPLE)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", parts.fragment
