"""Small real models and texts for all tests: a GQA Llama with random weights and a tokenizer of its own."""

import contextlib
import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread per pytest-xdist worker

import pytest
from hypothesis import settings

settings.register_profile("drama", deadline=None)  # a busy machine is no reason to fail
settings.load_profile("drama")

TEXTS = [
    "The wing of the aircraft produces lift when air flows over it.",
    "Hormones regulate the level of glucose in the blood of patients.",
    "Libraries catalogue books so that readers find what they need.",
    "A compiler turns source code into instructions for a machine.",
    "Rivers carry sand to the sea, and the sea returns it to the beach.",
    "The orchestra tuned before the conductor entered the hall.",
    "Bread rises because yeast turns sugar into gas.",
    "Satellites measure the height of the oceans every day.",
]


class Done(NamedTuple):
    """How a `drama` command ended."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def run_drama() -> Callable[..., Done]:
    """`run_drama("report", folder, cwd=...)` calls the command line in this process."""
    from drama.cli import main

    def run(*words: object, cwd: Path | None = None) -> Done:
        out, err = io.StringIO(), io.StringIO()
        code: object = 0
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.object(sys, "argv", ["drama", *map(str, words)]))
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            if cwd is not None:
                stack.enter_context(contextlib.chdir(cwd))
            try:
                main()
            except SystemExit as end:
                code = end.code or 0
            except Exception:  # what a traceback and status 1 are in a process of its own
                import traceback

                traceback.print_exc()
                code = 1
        assert isinstance(code, int)
        return Done(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def change_manifest() -> Callable[..., None]:
    """`change_manifest(folder, status="running")` leaves a stage's folder as if it had been killed before its
    end; any other field too."""
    from drama.workspace import read_manifest
    from drama.workspace.manifest import write_manifest

    def change(folder: Path, **values: object) -> None:
        manifest = read_manifest(folder)
        assert manifest is not None
        write_manifest(folder, manifest.model_copy(update=values))

    return change


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return list(TEXTS)


@pytest.fixture(scope="session")
def tiny_llm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a causal Llama (GQA 4/2, tied embeddings, 4 layers, hidden 64) and an instruct-style
    tokenizer: bos and eos are defined but not added, and it carries a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-llm")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = (
        "{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}</s>\n{% endfor %}"
        "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    """A folder with a BERT (3 layers, hidden 32) and a tokenizer of whole words: an encoder."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    words = sorted({word.strip(".,").lower() for text in texts for word in text.split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, ".", ","]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=48, num_hidden_layers=3,
        num_attention_heads=4, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def small_collection(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    """A BEIR folder: each text twice, with its neighbour's, and five of its words as the query: BM25 ranks it
    first, and its neighbour second."""
    folder = tmp_path_factory.mktemp("judged") / "small"
    (folder / "qrels").mkdir(parents=True)
    rows = [
        {"_id": f"d{i}", "title": f"Text {i}", "text": f"{t} {t} {texts[i - 1]}"} for i, t in enumerate(texts)
    ]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    queries = [{"_id": f"q{i}", "text": " ".join(t.split()[1:6])} for i, t in enumerate(texts)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries))
    lines = [f"q{i}\td{i}\t1" for i in range(len(texts))]
    (folder / "qrels/test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n")
    return folder


Reply = tuple[int, dict[str, str], Any]
"""Status, headers, and the body: bytes, or what JSON can hold."""


class ChatServer:
    """A real HTTP server on loopback: `reply(number of this request, body)` answers, and what came in is
    kept."""

    def __init__(self, reply: Callable[[int, dict[str, Any]], Reply], models: Any = None) -> None:
        self.reply, self.models = reply, models
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.lock = threading.Lock()
        self.port = 0

    @property
    def name(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1#some/model"


@contextlib.contextmanager
def _serving(
    reply: Callable[[int, dict[str, Any]], Reply], models: Any = None, port: int = 0
) -> Iterator[ChatServer]:
    fake = ChatServer(reply, models)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/v1/models" and fake.models is not None
            self.answer(200 if known else 404, {}, fake.models if known else {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with fake.lock:
                number = len(fake.bodies)
                fake.bodies.append(body | {"path": self.path})
                fake.headers.append(dict(self.headers))
                fake.times.append(time.monotonic())
            self.answer(*fake.reply(number, body))

        def answer(self, status: int, headers: dict[str, str], content: Any) -> None:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            with contextlib.suppress(OSError):  # the client gave up
                respond = self.send_response_only if "Date" in headers else self.send_response
                respond(status)
                for key, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 128

    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    fake.port = server.server_port
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def serving() -> Callable[..., contextlib.AbstractContextManager[ChatServer]]:
    """`with serving(reply) as fake:` a chat server whose address is `fake.name`."""
    return _serving
