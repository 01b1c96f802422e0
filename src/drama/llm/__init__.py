"""Text generation: an engine here, vLLM, a client for servers, a cache of answers."""

from drama.llm.answers import AnswerCache
from drama.llm.ask import cached_answers
from drama.llm.chat import ChatModel, Sampling, Usage
from drama.llm.client import Server, ServerSettings, is_server, server_address
from drama.llm.engine import Engine, load_engine
from drama.llm.open import open_chat
from drama.llm.prompt import Messages
from drama.llm.score import answer_log_likelihoods, next_token_log_probs
from drama.llm.vllm import Offline, is_offline, model_of

__all__ = [
    "AnswerCache",
    "ChatModel",
    "Engine",
    "Messages",
    "Offline",
    "Sampling",
    "Server",
    "ServerSettings",
    "Usage",
    "answer_log_likelihoods",
    "cached_answers",
    "is_offline",
    "is_server",
    "load_engine",
    "model_of",
    "next_token_log_probs",
    "open_chat",
    "server_address",
]
