"""`drama bench serve`: servers under load, one after the other, with the same texts.

A closed loop: each client sends its next query when it has the answer to the last. The clients take their
share of the cores, the same from both servers.
"""

import http.client
import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from drama.errors import DramaError
from drama.files.checksums import read_sealed_json
from drama.records import read_queries
from drama_bench.result import write_result

CLIENTS = (1, 8, 64)
_FLOOD = 400
"""Clients, where the server holds 256 requests."""
_OURS, _PEER = "drama serve", "sentence-transformers + FastAPI"


class Request(NamedTuple):
    """What is sent."""

    path: str
    body: bytes


class Server:
    """A server in a process of its own."""

    def __init__(self, command: Sequence[str], port: int) -> None:
        self.port = port
        self._process = subprocess.Popen([*command], stderr=subprocess.DEVNULL)
        for _ in range(1200):
            try:
                if self.send("GET", "/health") == 200:
                    return
            except OSError:
                time.sleep(0.1)
            if self._process.poll() is not None:
                break
        raise DramaError(f"{' '.join(command)}: did not start")

    def send(self, method: str, path: str) -> int:
        """One request on a connection of its own; its status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path)
        status = connection.getresponse().status
        connection.close()
        return status

    def memory_mb(self) -> float:
        """Resident memory."""
        (line,) = (
            each
            for each in Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
            if each.startswith("VmRSS:")
        )
        return round(int(line.split()[1]) / 1024, 1)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(90)


@contextmanager
def running(command: Sequence[str]) -> Iterator[Server]:
    """Start a server whose command ends with its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    server = Server([*command, str(port)], port)
    try:
        yield server
    finally:
        server.close()


def load(server: Server, requests: Sequence[Request], clients: int, seconds: float) -> dict[str, Any]:
    """So many clients for so long: answers by status, requests/s of those with 200, their times in ms."""
    end = time.perf_counter() + seconds
    codes: Counter[str] = Counter()
    times: list[float] = []
    lock = threading.Lock()

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        own_codes: Counter[str] = Counter()
        own_times = []
        for request in itertools.islice(itertools.cycle(requests), number * 7 % len(requests), None):
            begin = time.perf_counter()
            if begin >= end:
                break
            try:
                connection.request("POST", request.path, request.body, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                reply.read()
                own_codes[str(reply.status)] += 1
                if reply.status == 200:
                    own_times.append(1000 * (time.perf_counter() - begin))
                elif reply.status == 429:
                    time.sleep(0.05)
            except OSError as error:
                own_codes[type(error).__name__] += 1
                connection.close()
        with lock:
            codes.update(own_codes)
            times.extend(own_times)

    begin = time.perf_counter()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - begin
    times.sort()
    return {
        "clients": clients,
        "codes": dict(codes),
        "requests_per_second": round(len(times) / spent, 1),
        "p50_ms": round(times[len(times) // 2], 1) if times else None,
        "p99_ms": round(times[int(len(times) * 0.99)], 1) if times else None,
        "memory_mb": server.memory_mb(),
    }


def bench_serve(index: Path, queries: Path, out: Path, rounds: int, seconds: float) -> Path:
    """Measure and write `out/serve.json`."""
    texts = [query.text for query in read_queries(queries)]
    model = str(read_sealed_json(index / "index.json", hint="build the index again")["model"])
    embeddings = [
        Request("/v1/embeddings", json.dumps({"input": [text], "input_type": "query"}).encode())
        for text in texts
    ]
    plain = [Request("/v1/embeddings", json.dumps({"input": [text]}).encode()) for text in texts]
    searches = [Request("/search", json.dumps({"query": text}).encode()) for text in texts]
    ours = [sys.executable, "-m", "drama.cli", "serve", str(index), "--quiet", "--port"]
    peer = [sys.executable, str(Path(__file__).with_name("peer_server.py")), model]
    found: list[dict[str, Any]] = []
    for number in range(rounds):
        with running(ours) as server:
            load(server, embeddings, 2, 2.0)
            for clients in CLIENTS:
                about = {"round": number, "server": _OURS, "what": "embeddings"}
                found.append(about | load(server, embeddings, clients, seconds))
            load(server, searches, 2, 2.0)
            for clients in CLIENTS:
                about = {"round": number, "server": _OURS, "what": "search"}
                found.append(about | load(server, searches, clients, seconds))
            about = {"round": number, "server": _OURS, "what": "flood"}
            found.append(about | load(server, searches, _FLOOD, seconds))
            about = {"round": number, "server": _OURS, "what": "after the flood"}
            found.append(about | load(server, searches, 1, seconds))
        with running(peer) as server:
            load(server, plain, 2, 2.0)
            for clients in CLIENTS:
                about = {"round": number, "server": _PEER, "what": "embeddings"}
                found.append(about | load(server, plain, clients, seconds))
    peers = ("sentence-transformers", "fastapi", "uvicorn")
    settings = {"index": str(index), "queries": str(queries), "texts": len(texts), "seconds": seconds}
    return write_result(out / "serve.json", found, _summary(found), peers, settings)


def _summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds."""

    def of(server: str, what: str, clients: int, key: str) -> float:
        found_median = float(
            median(
                each[key]
                for each in found
                if (each["server"], each["what"], each["clients"]) == (server, what, clients)
            )
        )
        return round(found_median, 1)

    summary: dict[str, Any] = {}
    for clients in CLIENTS:
        rates = [of(server, "embeddings", clients, "requests_per_second") for server in (_OURS, _PEER)]
        summary[f"embeddings_vs_peer_{clients}"] = round(rates[0] / rates[1], 2)
        for key in ("p50_ms", "p99_ms", "requests_per_second"):
            summary[f"search_{key}_{clients}"] = of(_OURS, "search", clients, key)
    codes: Counter[str] = Counter()
    for each in found:
        if each["what"] != "flood" and each["server"] == _OURS:
            codes.update(each["codes"])
    summary["answers"] = dict(codes)
    flood: Counter[str] = Counter()
    for each in found:
        if each["what"] == "flood":
            flood.update(each["codes"])
    summary["flood"] = dict(flood)
    memory = [each["memory_mb"] for each in found if each["server"] == _OURS and each["round"] == 0]
    summary["memory_mb"] = {"first": memory[0], "last": memory[-1]}
    return summary
