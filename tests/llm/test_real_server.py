"""`transformers serve` on loopback, with the tiny LLM: real answers, tokens, and a refusal."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from drama.errors import DramaError
from drama.llm import Sampling, ServerClient, load_engine
from drama.servers.settings import ServerSettings

for needed in ("fastapi", "uvicorn", "openai"):
    pytest.importorskip(needed)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = "from transformers.cli.transformers import main; main()"
    command = [sys.executable, "-c", run, "serve", "--device", "cpu"]
    command += ["--dtype", "float32", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    break
            except OSError:
                if server.poll() is not None:
                    raise AssertionError(server.communicate()[0].decode()[-2000:]) from None
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


@pytest.mark.slow
def test_answers_are_those_of_the_engine(address: str, tiny_llm: Path) -> None:
    chats = [
        [{"role": "user", "content": f"What does the {word} do?"}] for word in ("wing", "compiler", "sea")
    ]
    sampling = Sampling(max_new_tokens=12, temperature=0.0)
    engine = load_engine(tiny_llm, "fp32")
    expected = [answer.text for batch in engine.generate(chats, sampling, 1) for answer in batch]
    server = ServerClient(f"{address}#{tiny_llm}", ServerSettings(concurrency=2, prices=(1.0, 2.0)))
    found = dict(chain.from_iterable(server.as_they_come(chats, sampling, 1, seed=3)))
    assert [found[number].text for number in range(3)] == expected
    assert server.usage.requests == 3
    assert server.usage.prompt_tokens == engine.usage.prompt_tokens
    assert server.usage.completion_tokens > 0
    assert server.usage.figures()["cost"] > 0


@pytest.mark.slow
def test_a_model_that_is_not_there_is_named(address: str, tmp_path: Path) -> None:
    server = ServerClient(f"{address}#{tmp_path}/nothing", ServerSettings(retries=0))
    with pytest.raises(DramaError) as caught:
        list(server.as_they_come([[{"role": "user", "content": "?"}]], Sampling(), 1))
    assert address in caught.value.message
