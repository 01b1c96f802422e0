"""A model behind a batcher: the same vectors whether it shows its tokens or not, for few tokens and many."""

import threading
from pathlib import Path

import numpy as np
import pytest

from drama.errors import DramaError
from drama.retriever import Encoder, Retriever
from drama.retriever.sentence_transformer import SentenceTransformerEncoder
from drama.serve.limits import Limits
from drama.serve.served import Model


@pytest.mark.parametrize("shows_tokens", [True, False])
def test_queries_and_documents_in_one_batch(model: Path, texts: list[str], shows_tokens: bool) -> None:
    plain = Retriever.load(model)
    encoder: Encoder = Retriever.load(model)
    if not shows_tokens:
        encoder = SentenceTransformerEncoder(model, str(model))
    batches: list[int] = []
    served = Model(encoder, "tiny", Limits(), lambda n, tokens, s: batches.append(n), threading.Lock())
    for count in (1, 5):  # one text goes through numpy
        items = [*served.prepare(texts[:count], "query"), *served.prepare(texts[:count], "document")]
        found = served.batcher.submit(items).result(60)
        expected = [plain.encode_queries(texts[:count]), plain.encode_documents(texts[:count])]
        np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-5)
    assert batches == [2, 10]
    assert served.width(16 if shows_tokens else None) == (16 if shows_tokens else 64)
    with pytest.raises(DramaError, match="not trained at 17"):
        served.width(17)
    if not shows_tokens:
        with pytest.raises(DramaError, match="takes texts, no token ids"):
            served.text_of([1, 2])
    served.batcher.close()
