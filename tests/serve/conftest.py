"""A server on a free port of this machine, for an index of a tiny model."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from drama.corpus.passages.settings import ChunkSettings
from drama.records import Document
from drama.retriever import Retriever, RetrieverSettings
from drama.search import build_index, encode_for_index

Start = Callable[[FastAPI], str]


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serve an app; yields its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def start() -> Iterator[Start]:
    """Serve apps until the test ends."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(running(app))


def make_index(model: Path, folder: Path, documents: list[Document]) -> Path:
    """Encode and index documents."""
    encode_for_index(model, documents, folder, chunk=ChunkSettings(tokens=24))
    build_index(folder)
    return folder


@pytest.fixture(scope="session")
def model(tiny_llm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retriever with widths to choose from."""
    folder = tmp_path_factory.mktemp("served") / "tiny"
    settings = RetrieverSettings(dims=(16, 64), query_prefix="Query: ", max_length=128)
    Retriever.from_llm(tiny_llm, settings).save(folder)
    return folder


@pytest.fixture(scope="session")
def documents(texts: list[str]) -> list[Document]:
    """One long document among short ones, in two languages, an id that looks like a path."""
    long = " ".join(f"Paragraph {i} tells of pumps and valves." for i in range(30))
    own = [Document(f"d{i}", f"Title {i}", text, "en", "notes") for i, text in enumerate(texts)]
    german = Document("brot/hefe.md", "Hefe", "Die Hefe läßt den Teig gehen 🍞 und mehr.", "de", "notes")
    tagged = Document(
        "tea", "", "Green tea is steeped at 70 degrees.", "en", metadata=(("tags", "tea, green"),)
    )
    return [*own, german, tagged, Document("long", "Pumps", long, "en", "manual")]


@pytest.fixture(scope="session")
def index(model: Path, documents: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of them."""
    return make_index(model, tmp_path_factory.mktemp("served-index") / "index", documents)
