"""Text generation: an engine in this process, vLLM, Ray, a client for servers; cached answers."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.llm.address import is_vllm, model_of
    from drama.llm.answer import BROKEN, CUT_OFF, REFUSED, THINKING, TOO_LONG, Answer
    from drama.llm.cache import AnswerCache
    from drama.llm.cached import cached_answers
    from drama.llm.chat import ChatModel, Messages, Sampling, Usage, chunks
    from drama.llm.client import ServerClient
    from drama.llm.engine import Engine, load_engine
    from drama.llm.open import open_chat
    from drama.llm.score import answer_log_likelihoods, next_token_log_probs
    from drama.llm.vllm import VLLMEngine

__all__ = [
    "BROKEN",
    "CUT_OFF",
    "REFUSED",
    "THINKING",
    "TOO_LONG",
    "Answer",
    "AnswerCache",
    "ChatModel",
    "Engine",
    "Messages",
    "Sampling",
    "ServerClient",
    "Usage",
    "VLLMEngine",
    "answer_log_likelihoods",
    "cached_answers",
    "chunks",
    "is_vllm",
    "load_engine",
    "model_of",
    "next_token_log_probs",
    "open_chat",
]

__getattr__ = lazy_names(__name__)
