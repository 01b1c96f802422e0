"""Tables, web pages, chunks, languages and near-duplicates."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drama.corpus import CorpusSettings, build_corpus
from drama.corpus.passages.chunks import Chunker
from drama.corpus.readers import formats
from drama.corpus.readers.formats import (
    CORPUS_FILES,
    KNOWN_INPUTS,
    PAGES,
    corpus_reader,
    page_reader,
)
from drama.corpus.readers.inputs import read_input
from drama.corpus.readers.web_page import parse_web_page
from drama.errors import DramaError, FileError
from drama.files.compression import COMPRESSIONS
from drama.records import Document, read_passages, write_documents_jsonl


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", '\ufeff_id,title,text\n1,A,"one, ""two"",\nthree"\n\n2,,four\n'),
        ("a.csv", 'id;text;title\n1;"one, ""two"",\nthree";A\n2;four;\n'),
        ("a.tsv", '_id\ttitle\ttext\r\n1\tA\tone, "two", three\r\n2\t\tfour\r\n'),
    ],
)
def test_tables(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, newline="")
    found = list(read_input(str(tmp_path / name)))
    assert [(d.id, d.title, " ".join(d.text.split())) for d in found] == [
        ("1", "A", 'one, "two", three'),
        ("2", "", "four"),
    ]


def test_a_table_without_ids_counts_its_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("lang,text\nde,eins\nen,two\n")
    assert list(read_input(str(tmp_path / "a.csv"))) == [
        Document("1", "", "eins", "de", "a"),
        Document("2", "", "two", "en", "a"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1,some text\n", r"line 1: 'text' is missing \(there are: 1, some text\)"),
        (b"", "line 1: 'text' is missing"),
        (b"_id,text\n1,a\n1,b\n", "line 3: duplicate document id '1'"),
        (b"_id,text\n ,a\n", "line 2: the document id is empty"),
        (b"_id,text\n1,a,b\n", "line 2: 3 cells, but 2 columns"),
        (b"_id,text\n1,\xff\n", "line 2: not UTF-8"),
        (b"_id,text,text\n1,a,b\n", "line 1: has two columns 'text'"),
    ],
)
def test_broken_tables_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FileError, match=message):
        list(read_input(str(tmp_path / "a.csv")))


def test_any_parquet_file(tmp_path: Path) -> None:
    table = pa.table({"id": [7, 8], "text": ["one", "two"], "title": [None, "Two"], "n": [1.0, 2.0]})
    pq.write_table(table, tmp_path / "a.parquet")
    found = list(read_input(str(tmp_path / "a.parquet")))
    assert [(d.id, d.full_text, d.source) for d in found] == [("7", "one", "a"), ("8", "Two two", "a")]
    build_corpus(CorpusSettings(inputs=[str(tmp_path / "a.parquet")], languages=["en"]), tmp_path / "out")
    assert [d.id for d in read_passages(tmp_path / "out/passages.parquet")] == ["7", "8"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"words": ["one"]}, r"'text' is missing \(there are: words\)"),
        ({"id": ["a", "a"], "text": ["one", "two"]}, "row 2: duplicate document id 'a'"),
        ({"id": ["a", None], "text": ["one", "two"]}, "row 2: the document id is empty"),
        ({"text": ["one"], "title": [2]}, "row 1: field 'title' must be text, found int"),
    ],
)
def test_broken_parquet_files_are_named(columns: dict[str, list[str]], message: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DramaError, match=message):
        list(read_input(str(tmp_path / "a.parquet")))


def test_files_of_another_kind_are_counted(tmp_path: Path) -> None:
    (tmp_path / "in/.git").mkdir(parents=True)
    names = ("A.TXT", "b.md", "c.HTML", "d.bin", "e.xyz", ".git/f.txt")
    for name in names:
        (tmp_path / "in" / name).write_text(f"\ufeffThe text of {name}.", encoding="utf-8")
    settings = CorpusSettings(inputs=[str(tmp_path / "in")], languages=["en"])
    manifest = build_corpus(settings, tmp_path / "out")
    assert {".bin files, which no reader knows, left out", ".xyz files, which no reader knows, left out"} <= {
        *manifest.counts
    }
    found = {d.id: d.text for d in read_passages(tmp_path / "out/passages.parquet")}
    assert found == {name: f"The text of {name}." for name in names[:3]}


def test_web_pages(tmp_path: Path) -> None:
    page = parse_web_page(
        "<!doctype html><html lang='pt-BR'><head><title>Chá &amp; café</title><style>p {}</style></head>"
        "<nav><ul><li>Home</ul></nav><h1>Chá</h1><p>Uma <b>folh</b>a&nbsp;seca.<br>Fim.<script>x()</script>"
        "<table><tr><td>a<td>b</table><pre>x = 1\n  y = 2</pre><svg><title>t</title></svg>"
    )
    assert (page.title, page.lang) == ("Chá", "pt")
    assert page.text.split("\n\n")[0] == "Uma folha seca.\nFim."
    assert "x = 1\n  y = 2" in page.text
    assert not re.search(r"Home|x\(\)|\bt\b|p \{", page.text)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.html").write_bytes(
        "<meta charset=iso-8859-1><p>Caf\u00e9 d'\u00e9t\u00e9".encode("latin-1")
    )
    (tmp_path / "b.md").write_text("# A heading")
    found = {d.id: d for d in read_input(str(tmp_path))}
    assert set(found) == {"sub/a.html", "b.md"}
    assert (found["sub/a.html"].title, found["sub/a.html"].text) == ("a", "Café d'été")
    (tmp_path / "guessed.html").write_bytes("<p>Ein Café in der Straße".encode("cp1252"))
    assert {d.id: d.text for d in read_input(str(tmp_path))}["guessed.html"] == "Ein Café in der Straße"


def test_an_unclosed_nav_does_not_swallow_the_page() -> None:
    rest = "<h1>Tea</h1><p>Green tea is <i>not</i> fermented.<footer>End</footer>"
    links = "<nav><ul><li><a href=/>Home</a></ul>"
    assert parse_web_page(f"{links}</nav>{rest}").text == "Green tea is not fermented.\n\nEnd"
    for html in (links + rest, f"<main>{links}{rest}</main>", f"<nav>More</nav>{links}{rest}"):
        assert parse_web_page(html).text.endswith("Green tea is not fermented.\n\nEnd")


def test_deeply_nested_pages_are_read() -> None:
    assert parse_web_page("<div><b>" * 5000 + "deep").text == "deep"


def test_the_registry_of_formats_names_readers_and_is_what_users_are_told(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/corpus.md").read_text()
    for suffix in [*CORPUS_FILES, *PAGES, *COMPRESSIONS]:
        path = Path(f"a{'.csv' if suffix in COMPRESSIONS else ''}{suffix.upper()}")
        assert callable(corpus_reader(path) or page_reader(path))
        assert suffix in KNOWN_INPUTS
        assert f"`{suffix}`" in page
    assert corpus_reader(Path("a.odt")) is page_reader(Path("a.odt")) is None
    assert corpus_reader(Path("a.parquet.gz")) is None
    (tmp_path / "a.odt").write_bytes(b"")
    with pytest.raises(DramaError, match=r"a\.odt: unknown kind of file") as caught:
        read_input(str(tmp_path / "a.odt"))
    assert caught.value.hint == f"give {KNOWN_INPUTS}"


@pytest.mark.parametrize("identity", ["a\tb", "a\nb", " "])
def test_ids_follow_one_rule_in_every_format(identity: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [identity], "text": ["one"]}), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text(
        f'id,text\n"x{identity}y",one\n' if identity.strip() else "id,text\n ,one\n"
    )
    (tmp_path / "a.jsonl").write_text(json.dumps({"_id": identity, "text": "one"}))
    for name in ("a.parquet", "a.csv", "a.jsonl"):
        with pytest.raises(DramaError, match=r"the document id (is empty|has a tab or a line break)"):
            list(read_input(str(tmp_path / name)))


@pytest.fixture(scope="module")
def model(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a byte-level tokenizer, which is all that the corpus needs."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    folder = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.enable_truncation(8)  # as some models' files have it
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text("{}")
    return folder


def lengths(model: Path, documents: list[Document]) -> list[int]:
    """Tokens of each, as a retriever reads it, BOS and EOS included."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_truncation()
    return [len(tokenizer.encode(d.full_text)) + 2 for d in documents]


PIECES = st.lists(
    st.sampled_from(
        ["The wing lifts.", "今日は晴れです。", "word", "\n\n", "très", "।", "!?", "x" * 60, "วันนี้", "🙂 ok."]
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(
    PIECES, st.sampled_from(["", "A title", "t " * 40]), st.integers(16, 60), st.sampled_from(["en", "ja"])
)
def test_chunks_lose_nothing_and_stay_below_the_limit(
    model: Path, pieces: list[str], title: str, most: int, lang: str
) -> None:
    document = Document("d", title, " ".join(pieces), lang, "s")
    found = Chunker(model / "tokenizer.json", most)(document)
    assert max(lengths(model, found)) <= most
    if found == [document]:
        return
    assert [d.id for d in found] == [f"d#{n}" for n in range(1, len(found) + 1)]
    assert {(d.chunk_of, d.lang, d.source) for d in found} == {("d", lang, "s")}
    whole = document.full_text if found[0].title != title else document.text
    assert "".join("".join(d.text for d in found).split()) == "".join(whole.split())


def test_chunks_are_whole_sentences_of_about_equal_length(model: Path) -> None:
    text = " ".join(f"The wing number {i} of the aircraft lifts." for i in range(13))
    found = Chunker(model / "tokenizer.json", 100)(Document("d", "Wings", text, "en"))
    assert len(found) > 1
    assert all(d.text.startswith("The wing") and d.text.endswith("lifts.") for d in found)
    sizes = [d.text.count(".") for d in found]
    assert max(sizes) - min(sizes) <= 1


def test_a_corpus_of_several_languages_in_chunks(model: Path, tmp_path: Path) -> None:
    german = "Der Flügel gibt dem Flugzeug Auftrieb. Das geschieht z. B. beim Start. " * 6
    rows = [
        Document("a", "", german),
        Document("b", "", "今日は晴れです。明日は雨が降るでしょう。"),
        Document("c", "", "The wing of the aircraft produces lift when air flows over it.", "xx"),
        Document("d", "", german[:-3]),
        Document("e", "", "12 + 34"),
    ]
    path = tmp_path / "mixed.jsonl"
    write_documents_jsonl(path, rows)

    def build(out: str, **section: object) -> list[Document]:
        values = {"inputs": [str(path)], **section}
        manifest = build_corpus(CorpusSettings.parse(values, "corpus"), tmp_path / out)
        found = list(read_passages(tmp_path / out / "passages.parquet"))
        assert manifest.figures["documents"] == manifest.counts["ok"] == len(found)
        assert sum(manifest.figures["languages"].values()) == len(found)
        return found

    assert {d.id: d.lang for d in build("a")} == {"a": "de", "b": "ja", "c": "xx", "d": "de", "e": ""}
    assert [d.id for d in build("b", near_duplicates=0.9)] == ["a", "b", "c", "e"]
    assert {d.lang for d in build("c", languages=["sw"])} == {"sw", "xx"}
    chunks = build("d", chunk={"tokens": 64, "tokenizer": str(model)})
    assert {d.chunk_of for d in chunks} >= {"a", "d"}
    assert all(d.id.startswith(f"{d.chunk_of}#") for d in chunks if d.chunk_of)
    assert all(not d.text.endswith("z.") for d in chunks)  # cut as German, not as English

    with pytest.raises(DramaError, match="'qq' can't be detected"):
        build("e", languages=["de", "qq"])
    with pytest.raises(DramaError, match="no model is named"):
        build("f", chunk={"tokens": 64})
    with pytest.raises(DramaError, match="set tokens"):
        build("g", chunk={"tokens": None, "tokenizer": str(model)})
    write_documents_jsonl(path, [*rows, Document("a#1", "", "Another text.")])
    with pytest.raises(DramaError, match="both called 'a#1'"):
        build("h", chunk={"tokens": 64, "tokenizer": str(model)})


def test_the_longest_suffix_chooses_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(formats.CORPUS_FILES, ".json.csv", "drama.records:read_documents_jsonl")
    assert corpus_reader(Path("a.json.csv")) is corpus_reader(Path("b.jsonl"))
    assert corpus_reader(Path("a.csv")) is not corpus_reader(Path("b.jsonl"))
