"""Opens any chat LLM: a server's, or a model in this process, with or without vLLM. Only what is opened is
imported: most of it loads torch."""

from collections.abc import Mapping
from typing import Any

from drama.compute import Precision
from drama.llm.address import is_vllm
from drama.llm.chat import LONGEST_PROMPT, ChatModel
from drama.llm.client import ServerClient
from drama.servers import is_server
from drama.servers.settings import ServerSettings
from drama.workers import RaySettings


def open_chat(
    name: str,
    server: ServerSettings | None = None,
    precision: Precision = "auto",
    longest: int = LONGEST_PROMPT,
    ray: RaySettings | None = None,
    revision: str = "",
    extra_body: Mapping[str, Any] | None = None,
) -> ChatModel:
    """The LLM of that name.

    Args:
        name: `http://host:port/v1#model-name`, or what `load_engine` takes, after `vllm:` for vLLM.
        server: how requests are sent to a server.
        precision: of an LLM in this process; a server has its own.
        longest: tokens of a prompt at most, in this process; a server has its own limit.
        ray: the cluster for a model that is neither a server's nor vLLM's; None is this process.
        revision: of a server's model, where its name does not say it.
        extra_body: further parameters of each request to a server.

    Raises:
        DramaError: no such LLM, or an address that names none.
    """
    if is_server(name):
        return ServerClient(name, server, revision, extra_body)
    if is_vllm(name):
        from drama.llm.vllm import VLLMEngine

        return VLLMEngine(name, precision, longest)
    if ray is not None:
        from drama.llm.on_ray import RayEngine

        return RayEngine(name, ray, precision, longest)
    from drama.llm.engine import load_engine

    return load_engine(name, precision, longest)
