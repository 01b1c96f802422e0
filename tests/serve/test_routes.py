"""What the routes answer, to real clients over a real connection."""

import base64
import json
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
from tests.serve.conftest import Start, make_index

from drama.records import Document
from drama.retriever import Retriever, RetrieverSettings, load_encoder, truncate
from drama.search import Index
from drama.serve.app import create_app


@pytest.fixture
def url(index: Path, start: Start) -> str:
    return start(create_app(str(index), log=False))


def test_openais_client_gets_the_models_vectors(url: str, model: Path, texts: list[str]) -> None:
    client, retriever = openai.OpenAI(base_url=f"{url}/v1", api_key="none"), Retriever.load(model)
    some = texts[:5]
    expected = retriever.encode_documents(some)
    for encoding in ("float", "base64"):
        found = client.embeddings.create(model="tiny", input=some, encoding_format=encoding)  # type: ignore[arg-type]
        rows = [
            each.embedding
            if isinstance(each.embedding, list)
            else np.frombuffer(base64.b64decode(each.embedding), "<f4")
            for each in found.data
        ]
        np.testing.assert_allclose(np.array(rows), expected, atol=1e-5)
        assert found.usage.prompt_tokens == sum(map(len, retriever.tokens(some, "document")))
    usual = client.embeddings.create(model="tiny", input=some, dimensions=16)  # the client asks for base64
    np.testing.assert_allclose([e.embedding for e in usual.data], truncate(expected, 16), atol=1e-5)
    assert [model.id for model in client.models.list()] == ["tiny", "tiny:query", "tiny:document"]


def test_queries_get_their_prefix_by_the_models_name_or_by_a_field(url: str, model: Path) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")
    expected = Retriever.load(model).encode_queries(["how do wings lift"])[0]
    named = client.embeddings.create(model="tiny:query", input="how do wings lift")
    said = client.embeddings.create(
        model="tiny", input="how do wings lift", extra_body={"input_type": "query"}
    )
    for found in (named, said):
        np.testing.assert_allclose(found.data[0].embedding, expected, atol=1e-5)
    document = client.embeddings.create(model="tiny", input="how do wings lift").data[0].embedding
    assert np.abs(np.array(document) - expected).max() > 1e-3


def test_token_ids_are_the_models_own(url: str, model: Path) -> None:
    retriever = load_encoder(model)
    assert isinstance(retriever, Retriever)
    ids = retriever.tokenizer("wings lift", add_special_tokens=False)["input_ids"]
    expected = retriever.encode_documents(["wings lift"])[0]
    for given in (ids, [ids]):
        body = httpx.post(f"{url}/v1/embeddings", json={"input": given}).json()
        np.testing.assert_allclose(body["data"][0]["embedding"], expected, atol=1e-5)
    reply = httpx.post(f"{url}/v1/embeddings", json={"input": [10**9]})
    assert reply.status_code == 400
    assert "token id 1000000000" in reply.json()["error"]["message"]


def test_rerank_orders_by_cosine(url: str, model: Path, texts: list[str]) -> None:
    retriever = Retriever.load(model)
    cosines = retriever.encode_documents(texts) @ retriever.encode_queries(["a wing"])[0]
    given = [{"text": texts[0]}, *texts[1:]]
    asked = {"query": "a wing", "documents": given, "top_n": 3, "return_documents": True}
    found = httpx.post(f"{url}/v1/rerank", json=asked).json()
    assert [r["index"] for r in found["results"]] == np.argsort(-cosines)[:3].tolist()
    assert [r["document"]["text"] for r in found["results"]] == [texts[r["index"]] for r in found["results"]]
    assert found["results"][0]["relevance_score"] == pytest.approx(float(cosines.max()), abs=1e-5)


def test_search_is_the_indexs(url: str, index: Path) -> None:
    opened = Index.open(index)
    for mode in ("hybrid", "dense", "bm25"):
        expected = opened.search("pumps and valves", 5, mode)
        found = httpx.post(f"{url}/search", json={"query": "pumps and valves", "k": 5, "mode": mode}).json()
        assert found["mode"] == mode
        assert [h["id"] for h in found["hits"]] == [f.hit.document_id for f in expected]
        assert [h["score"] for h in found["hits"]] == pytest.approx([f.hit.score for f in expected], abs=1e-5)
    first = httpx.get(f"{url}/search", params={"q": "pumps and valves", "mode": "bm25"}).json()["hits"][0]
    assert first["id"] == "long"
    assert first["passage"].startswith("long#")
    start, end = first["snippet"]["marks"][0]
    assert first["snippet"]["text"][start:end] == "pumps"


def test_filters(url: str) -> None:
    def ids(**where: object) -> set[str]:
        body = {"query": "tea with bread and yeast", "k": 100, "where": where}
        return {hit["id"] for hit in httpx.post(f"{url}/search", json=body).json()["hits"]}

    assert ids(lang="de") == {"brot/hefe.md"}
    assert ids(tags="green") == {"tea"}
    assert ids(source=["manual"]) == {"long"}
    assert ids(lang=["de", "en"], source="notes") > {"brot/hefe.md", "d0"}
    by_address = httpx.get(f"{url}/search", params={"q": "Teig", "where": ["lang=de", "source=notes"]})
    assert [hit["id"] for hit in by_address.json()["hits"]] == ["brot/hefe.md"]
    reply = httpx.post(f"{url}/search", json={"query": "tea", "where": {"lnag": "de"}})
    assert reply.status_code == 400
    assert "lang, source, tags" in reply.json()["error"]["message"]


def test_documents_are_fetched_by_any_id(url: str, documents: list[Document]) -> None:
    found = httpx.get(f"{url}/documents/brot/hefe.md").json()
    text = " ".join(passage["text"] for passage in found["passages"])
    assert text == "Die Hefe läßt den Teig gehen 🍞 und mehr."
    long = httpx.get(f"{url}/documents/long").json()
    assert len(long["passages"]) > 3
    assert "Paragraph 29" in " ".join(passage["text"] for passage in long["passages"])
    for strange in ("none", "..%2f..%2fetc%2fpasswd", "%00", "a%0ab"):
        assert httpx.get(f"{url}/documents/{strange}").status_code == 404


def test_similar_documents_are_others(url: str, index: Path) -> None:
    found = httpx.get(f"{url}/similar", params={"passage": "d0", "k": 3}).json()["hits"]
    assert [hit["rank"] for hit in found] == [1, 2, 3]
    assert "d0" not in {hit["id"] for hit in found}
    opened = Index.open(index, light=False)
    encoder = opened.encoder
    assert isinstance(encoder, Retriever)
    own = opened.passage("d0")
    assert own is not None
    vector = encoder.encode_documents([own.full_text])
    nearest = opened.search("-", 4, "dense", vector_1D=vector)
    assert [hit["id"] for hit in found] == [n.hit.document_id for n in nearest[1:]]


def test_a_model_alone_has_no_search(model: Path, start: Start) -> None:
    url = start(create_app(str(model), log=False))
    assert httpx.get(f"{url}/health").json()["passages"] is None
    assert httpx.post(f"{url}/search", json={"query": "tea"}).status_code == 404
    assert httpx.post(f"{url}/v1/embeddings", json={"input": "tea"}).status_code == 200


def test_metrics_count_and_name_no_text(url: str) -> None:
    httpx.get(f"{url}/search", params={"q": "secretword"})
    httpx.get(f"{url}/documents/secretword")
    httpx.get(f"{url}/secretword")
    found = httpx.get(f"{url}/metrics").text
    assert 'drama_requests_total{route="/search",status="200"} 1.0' in found
    assert 'drama_requests_total{route="/documents/{document_id}",status="404"} 1.0' in found.replace(
        ":path", ""
    )
    assert "drama_texts_total 1.0" in found
    assert "secretword" not in found


def test_the_log_names_routes_and_no_texts(
    index: Path, start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    url = start(create_app(str(index), key="hush", log=True))
    httpx.get(f"{url}/search", params={"q": "secretword"}, headers={"Authorization": "Bearer hush"})
    httpx.get(f"{url}/search", params={"q": "secretword"}, headers={"Authorization": "Bearer wrongkey"})
    said = ""
    while said.count("\n") < 2:  # a line is written after its answer
        said += capfd.readouterr().err
        time.sleep(0.01)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [(line["route"], line["status"]) for line in lines] == [("/search", 200), ("other", 401)]
    assert not any(word in said for word in ("secretword", "hush", "wrongkey"))


def test_a_rebuilt_index_is_taken_over_without_dropping_a_request(
    model: Path, documents: list[Document], tmp_path: Path, start: Start
) -> None:
    folder = make_index(model, tmp_path / "index", documents)
    url = start(create_app(str(folder), log=False))
    codes: list[int] = []
    done = threading.Event()

    def ask() -> None:
        with httpx.Client() as client:
            while not done.is_set():
                codes.append(client.get(f"{url}/search", params={"q": "quokkas"}).status_code)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    make_index(model, folder, [*documents, Document("new", "", "Quokkas smile.")])
    found = set[str]()
    for _ in range(100):
        hits = httpx.get(f"{url}/search", params={"q": "quokkas", "mode": "bm25"}).json()["hits"]
        if found := {hit["id"] for hit in hits}:
            break
        done.wait(0.1)
    done.set()
    for client in clients:
        client.join()
    assert found == {"new"}
    assert {*codes} == {200}
    assert "drama_index_reloads_total 1.0" in httpx.get(f"{url}/metrics").text


def test_an_index_of_another_model_brings_its_model(
    tiny_llm: Path, model: Path, documents: list[Document], tmp_path: Path, start: Start
) -> None:
    other = tmp_path / "other"
    Retriever.from_llm(tiny_llm, RetrieverSettings(dims=(32, 64), query_prefix="Find: ")).save(other)
    folder = make_index(model, tmp_path / "index", documents)
    made = make_index(other, tmp_path / "made", documents)
    url = start(create_app(str(folder), log=False))
    assert httpx.get(f"{url}/health").json()["model"] == "tiny"
    folder.rename(tmp_path / "before")
    made.rename(folder)
    for _ in range(100):
        if httpx.get(f"{url}/health").json()["model"] == "other":
            break
        time.sleep(0.1)
    found = httpx.post(f"{url}/v1/embeddings", json={"input": "tea", "input_type": "query"}).json()
    expected = Retriever.load(other).encode_queries(["tea"])[0]
    np.testing.assert_allclose(found["data"][0]["embedding"], expected, atol=1e-5)
    expected_ids = [each.hit.document_id for each in Index.open(folder).search("tea", 5)]
    hits = httpx.get(f"{url}/search", params={"q": "tea", "k": 5}).json()["hits"]
    assert [hit["id"] for hit in hits] == expected_ids


def test_the_page_asks_no_other_host(url: str) -> None:
    page = httpx.get(url)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in ("", "page.css", "page.js"):
        reply = httpx.get(f"{url}/{name}")
        assert reply.status_code == 200
        assert "http" not in reply.text.replace("charset", "")
