"""A test set of one's own: hits are marked as relevant or not, and kept as a BEIR folder."""

from drama.evaluate.judge.marks import Marks
from drama.evaluate.judge.pool import Pool, make_pool, standings

__all__ = ["Marks", "Pool", "make_pool", "standings"]
