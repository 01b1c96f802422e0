"""Llama and what is built like it: SmolLM2, Llama 2 and 3, Mistral."""

from drama.prune.families.family import Family


class Llama(Family):
    """Two norms a layer; biases only where the config asks for them."""

    types = ("llama", "mistral")
