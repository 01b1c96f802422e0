"""Qwen2 and Qwen2.5: Llama with biases on the query, key and value projections."""

from drama.prune.families.family import Family


class Qwen2(Family):
    """Biases are cut with their rows; sliding-window layers stay what they are."""

    types = ("qwen2",)
