"""Several processes that compute one batch: the group that torchrun starts, and layers split over it."""

from drama.processes.shards import clip, is_split, like, load_moments, split_layers, whole
from drama.processes.world import World

__all__ = ["World", "clip", "is_split", "like", "load_moments", "split_layers", "whole"]
