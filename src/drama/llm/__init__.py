"""Text generation: an engine here, vLLM, a client for servers, prompt files, a cache of answers."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.llm.answers import AnswerCache
    from drama.llm.ask import cached_answers
    from drama.llm.chat import ChatModel, Sampling, Usage
    from drama.llm.client import Server, ServerSettings, is_server, server_address
    from drama.llm.engine import Engine, load_engine
    from drama.llm.open import open_chat
    from drama.llm.prompt import AnswerLines, Messages, Prompt, fill, load_prompt, read_prompt_file
    from drama.llm.score import answer_log_likelihoods, next_token_log_probs
    from drama.llm.vllm import Offline, is_offline, model_of

__all__ = [
    "AnswerCache",
    "AnswerLines",
    "ChatModel",
    "Engine",
    "Messages",
    "Offline",
    "Prompt",
    "Sampling",
    "Server",
    "ServerSettings",
    "Usage",
    "answer_log_likelihoods",
    "cached_answers",
    "fill",
    "is_offline",
    "is_server",
    "load_engine",
    "load_prompt",
    "model_of",
    "next_token_log_probs",
    "open_chat",
    "read_prompt_file",
    "server_address",
]

__getattr__ = lazy_names(__name__)
