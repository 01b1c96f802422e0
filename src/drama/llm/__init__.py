"""Text generation: one engine in this process, prompt files, and a cache of answers."""

from drama.llm.cache import AnswerCache
from drama.llm.engine import Engine, Sampling, load_engine
from drama.llm.prompt import Prompt, load_prompt

__all__ = ["AnswerCache", "Engine", "Prompt", "Sampling", "load_engine", "load_prompt"]
