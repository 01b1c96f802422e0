"""Every wrong request gets a clear 4xx, too many get 429, and the server goes on."""

import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.serve.conftest import Start, running

from drama.serve.app import create_app
from drama.serve.limits import Limits


def raw(url: str, content: bytes, **headers: str) -> httpx.Response:
    return httpx.post(url, content=content, headers={"Content-Type": "application/json", **headers})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "JSON"),
        (b"", "required"),
        (b"[]", "dictionary"),
        (b"null", "dictionary"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"{}", "input"),
        (b'{"input": 7}', "input"),
        (b'{"input": null}', "input"),
        (b'{"input": []}', "no texts"),
        (b'{"input": ""}', "text 0 is empty"),
        (b'{"input": ["tea", ""]}', "text 1 is empty"),
        (b'{"input": [[]]}', "input"),
        (b'{"input": [true]}', "input"),
        (b'{"input": [-1]}', "input"),
        (b'{"input": ["tea", 7]}', "input"),
        (b'{"input": "\\ud800"}', "lone surrogate"),
        (b'{"input": "tea", "\\ud800": 1}', "valid string"),
        (b'{"input": "tea", "dimensions": 17}', "not trained at 17"),
        (b'{"input": "tea", "dimensions": 0}', "dimensions"),
        (b'{"input": "tea", "dimensions": 1e400}', "dimensions"),
        (b'{"input": "tea", "dimensions": NaN}', "dimensions"),
        (b'{"input": "tea", "encoding_format": "hex"}', "encoding_format"),
        (b'{"input": "tea", "input_type": "qurey"}', "input_type"),
        (b'{"input": "tea", "dimension": 16}', "dimension"),
        (b'{"input": [' + b'"tea",' * 9999 + b'"tea"]}', "10,000 texts; at most 2,048"),
        (b'{"input": "' + b"tea " * 300_000 + b'"}', "1,200,000 characters"),
    ],
)
def test_a_wrong_embeddings_request_is_told_what_is_wrong(server: str, body: bytes, says: str) -> None:
    reply = raw(f"{server}/v1/embeddings", body)
    assert reply.status_code == 400
    assert says in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"query": "  "}', "empty"),
        (b'{"query": "tea", "k": 0}', "k"),
        (b'{"query": "tea", "k": 1000000}', "k"),
        (b'{"query": "tea", "mode": "sparse"}', "mode"),
        (b'{"query": "tea", "where": {"lang": 3}}', "where"),
        (b'{"query": "tea", "where": {"../x": "y"}}', "no document has this field"),
        (b'{"query": "\\udfff"}', "lone surrogate"),
        (b'{"query": "\\udfff", "mode": "bm25"}', "lone surrogate"),
    ],
)
def test_a_wrong_search_is_told_what_is_wrong(server: str, body: bytes, says: str) -> None:
    reply = raw(f"{server}/search", body)
    assert reply.status_code == 400
    assert says in reply.json()["error"]["message"]


@pytest.fixture(scope="module")
def server(index: Path) -> Any:
    with running(create_app(str(index), log=False)) as url:
        yield url


def test_other_wrong_requests(server: str) -> None:
    wrong = httpx.post(f"{server}/v1/embeddings", json={"input": "tea", "model": "gpt"})
    assert wrong.status_code == 404
    assert "there is tiny" in wrong.json()["error"]["message"]
    assert httpx.get(f"{server}/v1/embeddings").status_code == 405
    assert httpx.get(f"{server}/nowhere").json()["error"]["type"] == "invalid_request_error"
    assert httpx.get(f"{server}/search").status_code == 400
    assert httpx.get(f"{server}/search", params={"q": "tea", "where": "lang"}).status_code == 400
    assert raw(f"{server}/v1/rerank", b'{"query": "tea", "documents": []}').status_code == 400
    assert raw(f"{server}/v1/rerank", b'{"query": " ", "documents": ["a"]}').status_code == 400
    assert raw(f"{server}/v1/embeddings", b'{"input": "' + b"x" * (17 << 20) + b'"}').status_code == 413


def test_a_long_text_is_cut_as_the_model_cuts_it(server: str) -> None:
    reply = raw(f"{server}/v1/embeddings", b'{"input": "' + b"tea " * 100_000 + b'"}')
    assert reply.status_code == 200
    assert reply.json()["usage"]["prompt_tokens"] == 128


def test_the_key(index: Path, start: Start) -> None:
    url = start(create_app(str(index), key="hush", log=False))
    ask = {"json": {"query": "tea"}}
    for wrong in (
        {},
        {"Authorization": "Bearer hus"},
        {"Authorization": "hush"},
        {"Authorization": "Bearer é"},
    ):
        encoded = {name: value.encode("latin-1") for name, value in wrong.items()}
        reply = httpx.post(f"{url}/search", **ask, headers=encoded)  # type: ignore[arg-type]
        assert reply.status_code == 401
    assert httpx.post(f"{url}/search", **ask, headers={"Authorization": "Bearer hush"}).status_code == 200  # type: ignore[arg-type]
    assert httpx.get(f"{url}/documents/tea").status_code == 401
    assert httpx.get(f"{url}/metrics").status_code == 401
    assert httpx.get(f"{url}/health").status_code == 200
    assert httpx.get(url).status_code == 200


def test_a_slow_client_is_told_so_and_holds_up_nobody(index: Path, start: Start) -> None:
    url = start(create_app(str(index), log=False, limits=Limits(seconds=1.0)))
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port or 80), timeout=10) as slow:
        slow.sendall(b"POST /search HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        assert httpx.get(f"{url}/search", params={"q": "tea"}).status_code == 200
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_flood_gets_429_and_the_server_recovers(index: Path, start: Start) -> None:
    limits = Limits(requests=8, waiting_tokens=2000)
    url = start(create_app(str(index), log=False, limits=limits))
    body = {"input": ["wings and lift " * 30] * 16}
    with ThreadPoolExecutor(32) as pool, httpx.Client(limits=httpx.Limits(max_connections=64)) as client:
        replies = [*pool.map(lambda _: client.post(f"{url}/v1/embeddings", json=body, timeout=60), range(96))]
    codes = [reply.status_code for reply in replies]
    assert {*codes} == {200, 429}
    assert all(int(r.headers["retry-after"]) >= 1 for r in replies if r.status_code == 429)
    assert httpx.post(f"{url}/v1/embeddings", json=body).status_code == 200
    assert "drama_requests_held 1.0" in httpx.get(f"{url}/metrics").text  # that request itself


@pytest.mark.slow
def test_made_up_requests_never_break_it(server: str) -> None:
    schema = schemathesis.openapi.from_url(f"{server}/openapi.json")
    checks: Any = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    for operation in schema.get_all_operations():
        found = operation.ok()

        @settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck], derandomize=True)
        @given(case=found.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(checks=checks)

        check()


@pytest.mark.slow
def test_the_command_ends_gracefully_and_starts_again_after_kill(index: Path) -> None:
    def begin() -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "drama.cli", "serve", str(index), "--port", "0"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"at (http://127\.0\.0\.1:\d+)", line):
                return process, found[1]
        raise AssertionError("did not start")

    process, url = begin()
    while True:
        try:
            assert httpx.get(f"{url}/health").json()["status"] == "ok"
            break
        except httpx.ConnectError:
            time.sleep(0.1)
    codes: list[int] = []

    def ask() -> None:
        body = {"input": ["wings and lift " * 60] * 400}
        codes.append(httpx.post(f"{url}/v1/embeddings", json=body, timeout=60).status_code)

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    time.sleep(0.3)
    process.terminate()
    for client in clients:
        client.join()
    process.communicate(timeout=60)
    assert codes == [200] * 3
    assert process.returncode == 143
    process, url = begin()
    process.kill()
    process.communicate(timeout=60)
    process, url = begin()
    assert httpx.get(f"{url}/search", params={"q": "tea"}).status_code == 200
    process.terminate()
    process.communicate(timeout=60)
