"""Text generation: an engine in this process, vLLM, Ray, a client for servers; prompts; cached answers."""

from drama.llm.address import is_server, server_address
from drama.llm.answers import AnswerCache, cached_answers
from drama.llm.chat import ChatModel, Sampling, Usage
from drama.llm.client import ServerClient, ServerSettings
from drama.llm.engine import Engine, load_engine
from drama.llm.open import open_chat
from drama.llm.prompt import AnswerLines, Messages, Prompt, fill, load_prompt, read_prompt_file
from drama.llm.score import answer_log_likelihoods, next_token_log_probs
from drama.llm.vllm import VLLMEngine, is_vllm, model_of

__all__ = [
    "AnswerCache",
    "AnswerLines",
    "ChatModel",
    "Engine",
    "Messages",
    "Prompt",
    "Sampling",
    "ServerClient",
    "ServerSettings",
    "Usage",
    "VLLMEngine",
    "answer_log_likelihoods",
    "cached_answers",
    "fill",
    "is_server",
    "is_vllm",
    "load_engine",
    "load_prompt",
    "model_of",
    "next_token_log_probs",
    "open_chat",
    "read_prompt_file",
    "server_address",
]
