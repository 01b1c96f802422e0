"""LSA: an encoder fitted to its corpus."""

import numpy as np
import pytest

from drama.errors import DramaError
from drama.records import Document
from drama.search import LSA, exact_search


def documents(texts: list[str]) -> list[Document]:
    return [Document(f"d{i}", "", text, "en") for i, text in enumerate(texts)]


def test_its_vectors_are_searched_like_any_other(texts: list[str]) -> None:
    corpus = documents(texts)
    lsa = LSA.build(corpus)
    queries = lsa.encode_queries(["wing of an aircraft", "books in libraries", "glucose in blood"])
    hits = exact_search(queries, [([d.id for d in corpus], lsa.encode_documents(texts))], 1)
    assert [found[0].document_id for found in hits] == ["d0", "d2", "d1"]


def test_words_that_go_together_find_each_other() -> None:
    corpus = ["car engine", "automobile engine", "car road", "automobile road", "bread oven", "bread flour"]
    lsa = LSA.build(documents(corpus), dim=2)
    scores = lsa.encode_queries(["automobile"]) @ lsa.encode_documents(corpus).T
    assert scores[0, 0] > 0.9 > 0.1 > scores[0, 4]


def test_the_same_corpus_gives_the_same_vectors_of_unit_length(texts: list[str]) -> None:
    first, second = (LSA.build(documents(texts)) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    vectors = first.encode_documents(texts)
    np.testing.assert_array_equal(vectors, second.encode_documents(texts))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert vectors.shape == (len(texts), first.dim) == (8, 7)


def test_unknown_words_are_a_zero_vector_and_other_widths_are_refused(texts: list[str]) -> None:
    lsa = LSA.build(documents(texts))
    assert not lsa.encode_queries(["xylophone"]).any()
    with pytest.raises(DramaError, match="not trained at 5 dimensions"):
        lsa.encode_queries(["wing"], dim=5)


@pytest.mark.parametrize("texts", [[], ["one"], ["same", "same", "same", "same"]])
def test_too_small_a_corpus_is_refused(texts: list[str]) -> None:
    with pytest.raises(DramaError, match="three documents"):
        LSA.build(documents(texts))
