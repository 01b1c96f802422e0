"""One way to any chat LLM: a server's address, or the name of a model for this process or for vLLM in it."""

from drama.compute import Precision
from drama.llm.chat import LONGEST_PROMPT, ChatModel
from drama.llm.client import Server, ServerSettings, is_server
from drama.llm.engine import load_engine
from drama.llm.on_ray import SpreadEngine
from drama.llm.vllm import Offline, is_offline
from drama.workers import RaySettings


def open_chat(
    name: str,
    server: ServerSettings | None = None,
    precision: Precision = "auto",
    longest: int = LONGEST_PROMPT,
    ray: RaySettings | None = None,
) -> ChatModel:
    """The LLM of that name.

    Args:
        name: `http://host:port/v1#model-name`, or whatever `load_engine` takes, behind `vllm:` for vLLM.
        server: how a server is asked.
        precision: of an LLM in this process; a server has its own.
        longest: tokens of a prompt at most, in this process; a server has its own limit.
        ray: where a model that is neither a server's nor vLLM's runs; None is this process.

    Raises:
        DramaError: no such LLM, or an address that names none.
    """
    if is_server(name):
        return Server(name, server)
    if is_offline(name):
        return Offline(name, precision, longest)
    if ray is not None:
        return SpreadEngine(name, ray, precision, longest)
    return load_engine(name, precision, longest)
