"""Parsers of what comes from outside, on damaged files: a DramaError or a result, and nothing else.

Each file begins sound and is then cut, overwritten, and filled with what such files break on.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from drama.augment.prompts.list_prompt import ListPrompt
from drama.augment.prompts.text_prompt import TextPrompt
from drama.augment.prompts.triplet_prompt import TripletPrompt
from drama.corpus.readers.inputs import read_input
from drama.errors import DramaError
from drama.files import read_json
from drama.recipe import load_recipe
from drama.records import read_documents_jsonl, read_qrels, read_queries, read_trec_run
from drama.retriever.settings import read_settings
from drama.workspace import read_manifest

_TOKENS = [
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n", b"\t", b'"', b"'", b"\\", b"{", b"}", b"]",
    b"[" * 30, b",", b":", b"#", b"&a ", b"*a", b"!!python/name:os.system ", b"|", b">", b"<![CDATA[",
    b"<![if", b"<!--", b"</", b"<script>", b"&#xD800;", b"&#9999999999;", b"<meta charset=utf-7>", b"nan",
    b"\\ud83d", b"inf", b"-1", b"1e999", b"9" * 5000, b"null", b"true", b"\xe2\x80\xa8", b"\xed\xa0\x80",
    b"---\n", b"q\tQ0\td\t1\t1.0\tx\n",
]  # fmt: skip

SOUND: dict[str, bytes] = {
    "rows.jsonl": b'{"_id": "1", "title": "t", "text": "one two", "lang": "en"}\n{"_id": "2", "text": "x"}\n',
    "table.csv": b'_id,title,text,lang\n1,t,"one, two",en\n2,u,three,de\n',
    "table.tsv": b"_id\ttext\n1\tone two\n2\tthree\n",
    "page.html": b"<html><head><meta charset=utf-8><title>T</title></head><body><p>One.</p><ul><li>x</ul>",
    "page.txt": "Ein Satz. Noch ein Satz über Flüsse.\n".encode(),
    "test.tsv": b"query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t0\n",
    "run.trec": b"q1 Q0 d1 1 2.5 tag\nq1 Q0 d2 2 1.5 tag\n",
    "recipe.yaml": b"run: x\nseed: 3\nprune: {parent: p, shape: {layers: 2}}\ntrain:\n  steps: 5\n",
    "prompt.yaml": b"system: You write.\nuser: |\n  {text}\n  Query: {query} {passages} {task}\nshots: []\n",
    "drama.json": b'{"pooling": "mean", "dims": [16, 64]}',
    "manifest.json": b'{"stage": "corpus", "status": "complete", "seed": 3, "settings": {}}',
}


def in_folder(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda path: read(path.parent)


def documents(path: Path) -> Any:
    folder_of_one = path.suffix in (".html", ".txt")
    return list(read_input(str(path.parent if folder_of_one else path)))


READERS: list[tuple[str, Callable[[Path], Any]]] = [
    ("rows.jsonl", lambda path: list(read_documents_jsonl(path))),
    ("rows.jsonl", lambda path: list(read_queries(path))),
    ("rows.jsonl", documents),
    ("table.csv", documents),
    ("table.tsv", documents),
    ("page.html", documents),
    ("page.txt", documents),
    ("test.tsv", read_qrels),
    ("run.trec", read_trec_run),
    ("recipe.yaml", lambda path: load_recipe(path, [])),
    ("prompt.yaml", lambda path: TextPrompt.load(str(path), "queries")),
    ("prompt.yaml", lambda path: TripletPrompt.load(str(path), "triplets")),
    ("prompt.yaml", lambda path: ListPrompt.load(str(path), "rerank")),
    ("drama.json", in_folder(read_settings)),
    ("drama.json", read_json),
    ("manifest.json", in_folder(read_manifest)),
]


@st.composite
def damage(draw: st.DrawFn) -> list[tuple[str, int, bytes]]:
    """Edits: where (as a share of the file), what is done there, and with which bytes."""
    edit = st.tuples(
        st.sampled_from(["insert", "replace", "cut"]),
        st.integers(0, 1000),
        st.one_of(st.sampled_from(_TOKENS), st.binary(min_size=1, max_size=4)),
    )
    return draw(st.lists(edit, min_size=1, max_size=4))


def damaged(raw: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    for how, where, piece in edits:
        at = len(raw) * where // 1000
        if how == "cut":
            raw = raw[:at]
        else:
            raw = raw[:at] + piece + raw[at + (len(piece) if how == "replace" else 0) :]
    return raw


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize(("name", "read"), READERS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(READERS)])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(edits=damage())
@example(edits=[("replace", 0, b"[" * 200_000)])
@example(edits=[("replace", 0, b"\xff\xfe\x00")])
@example(edits=[("cut", 0, b"")])
@example(edits=[("cut", 0, b""), ("insert", 0, b"\xef\xbb\xbf")])
@example(edits=[("cut", 0, b""), ("insert", 0, b"\xc2\xa0\n")])
def test_a_damaged_file(
    name: str, read: Callable[[Path], Any], edits: list[tuple[str, int, bytes]], folders: Path
) -> None:
    folder = folders / name.replace(".", "-")
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(damaged(SOUND[name], edits))
    with contextlib.suppress(DramaError):
        read(path)
