"""Chunks of texts that have no sentences; see also `test_inputs.py`."""

import base64
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from drama.corpus import CorpusSettings, build_corpus
from drama.corpus.passages.chunks import Chunker
from drama.language import AT_SPACES
from drama.records import Document, read_passages, write_documents_jsonl

ROOM = 64
KINDS = {
    "log": lambda n: "\n".join(f"2026-01-01 host{i} connect retry error" for i in range(n // 40)),
    "table": lambda n: "\n".join(f"{i}\t{i * 37 % 101}\t{i * 7919 % 10007}" for i in range(n // 14)),
    "base64": lambda n: base64.b64encode(random.Random(0).randbytes(n * 3 // 4)).decode(),
    "one endless line": lambda n: "host connect retry error " * (n // 25),
    "no spaces": lambda n: "今日晴天" * (n // 4),
    "one letter": lambda n: "a" * n,
    "white space": lambda n: "a" + " " * n + "b",
    "stops": lambda n: "." * n,
    "prose": lambda n: "The wing lifts the plane over the sea. " * (n // 39),
}


class Counting:
    """A tokenizer that counts the characters it is given."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer, self.characters = tokenizer, 0

    def encode(self, text: str, **options: Any) -> Any:
        self.characters += len(text)
        return self.tokenizer.encode(text, **options)

    def encode_batch_fast(self, texts: Sequence[str], **options: Any) -> Any:
        self.characters += sum(map(len, texts))
        return self.tokenizer.encode_batch_fast(texts, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_tokenised_is_in_proportion_to_the_text(kind: str, tiny_llm: Path) -> None:
    chunks = Chunker(tiny_llm / "tokenizer.json", ROOM)
    real, read = chunks._tokenizer, []
    for size in (10_000, 40_000):
        text = KINDS[kind](size)
        chunks._tokenizer = counting = Counting(real)
        found = chunks(Document("d", "", text, "en"))
        assert "".join("".join(d.text for d in found).split()) == "".join(text.split())
        lengths = [len(real.encode(d.full_text, add_special_tokens=False)) for d in found]
        assert max(lengths) <= ROOM
        read.append(counting.characters)
    few, many = read
    assert many < 6 * few
    assert many < 10 * 40_000


def test_lines_of_a_log_stay_whole(tiny_llm: Path) -> None:
    text = KINDS["log"](4000)
    found = Chunker(tiny_llm / "tokenizer.json", 200)(Document("d", "", text, "en"))
    assert len(found) > 1
    assert "\n".join(d.text for d in found) == text


def test_a_thai_document_among_english_ones_stops_nothing(
    tiny_llm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pycrfsuite", None)
    thai = " ".join(f"วันนี้อากาศดีมาก เราไปสวนสาธารณะกัน {i}" for i in range(80))
    rows = [Document("1", "", KINDS["log"](3000), "en"), Document("2", "", thai, "th")]
    write_documents_jsonl(tmp_path / "c.jsonl", rows)
    chunk = {"tokens": 200, "tokenizer": str(tiny_llm)}
    settings = CorpusSettings.parse({"inputs": [str(tmp_path / "c.jsonl")], "chunk": chunk}, "corpus")
    manifest = build_corpus(settings, tmp_path / "out")
    assert manifest.counts[AT_SPACES] == 1
    assert "drama-retrieval[thai]" in " ".join(capsys.readouterr().err.split())
    found = [d for d in read_passages(tmp_path / "out/passages.parquet") if d.lang == "th"]
    assert "".join("".join(d.text for d in found).split()) == "".join(thai.split())


def test_a_corpus_that_is_said_to_be_thai_needs_its_splitter() -> None:
    extras = {lang: CorpusSettings(languages=[lang]).needs().extras for lang in ("th", "en")}
    assert [extra for _, extra in extras["th"]] == ["thai", "thai"]
    assert not extras["en"]
