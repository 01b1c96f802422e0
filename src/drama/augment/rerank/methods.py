"""The registry of reranking methods: a new one is a class derived from `Reranker`, and a line here."""

from drama.augment.rerank.first_identifier import FirstIdentifier
from drama.augment.rerank.likelihood import Likelihood
from drama.augment.rerank.listwise import Listwise
from drama.augment.rerank.reranker import Reranker

METHODS: dict[str, type[Reranker]] = {
    "likelihood": Likelihood,
    "listwise": Listwise,
    "first_identifier": FirstIdentifier,
}
"""Name in `augment.rerank.method`, and of the method's own prompt → class."""
