"""One way to any chat LLM: a server's address, or the name of a model for this process."""

from drama.llm.chat import ChatModel
from drama.llm.engine import LONGEST_PROMPT, load_engine
from drama.llm.server import Server, ServerSettings, is_server
from drama.models import Precision


def open_chat(
    name: str,
    server: ServerSettings | None = None,
    precision: Precision = "auto",
    longest: int = LONGEST_PROMPT,
) -> ChatModel:
    """The LLM of that name.

    Args:
        name: `http://host:port/v1#model-name`, or whatever `load_engine` takes.
        server: how a server is asked.
        precision: of an LLM in this process; a server has its own.
        longest: tokens of a prompt at most, in this process; a server has its own limit.

    Raises:
        DramaError: no such LLM, or an address that names none.
    """
    return Server(name, server) if is_server(name) else load_engine(name, precision, longest)
