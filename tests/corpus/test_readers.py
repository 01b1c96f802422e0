"""Inputs as people have them: other names of fields, compression, shards, encodings, and what is left out."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drama.corpus import CorpusSettings, build_corpus
from drama.corpus.duplicates import NearDuplicates
from drama.corpus.readers.inputs import check_inputs, input_name, names_sources, read_input
from drama.corpus.readers.tally import Tally
from drama.errors import DramaError, FileError
from drama.records import Document, read_passages

ROWS: list[dict[str, Any]] = [
    {"id": "a", "text": "one", "title": None, "lang": "de-AT", "source": "web"},
    {"id": "b", "text": None, "title": None, "lang": "eng", "source": None},
]
EXPECTED = [Document("a", "", "one", "de", "web"), Document("b", "", "", "en", "x")]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        lines = [rows[0].keys(), *(("" if cell is None else cell for cell in row.values()) for row in rows)]
        path.write_text("".join(",".join(cells) + "\n" for cells in lines))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def renamed(rows: list[dict[str, Any]], names: dict[str, str]) -> list[dict[str, Any]]:
    return [{names.get(key, key): value for key, value in row.items()} for row in rows]


def read(path: Path | str) -> list[Document]:
    return list(read_input(str(path)))


FORMATS = pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])


@FORMATS
@pytest.mark.parametrize(
    "names", [{}, {"id": "_id"}, {"id": "docid", "text": "contents"}, {"text": "body"}], ids=str
)
def test_every_format_follows_the_same_rules(form: str, names: dict[str, str], tmp_path: Path) -> None:
    assert read(write(tmp_path / f"x.{form}", renamed(ROWS, names))) == EXPECTED


@FORMATS
def test_columns_are_named_after_a_question_mark(form: str, tmp_path: Path) -> None:
    names = {"id": "key", "text": "abstract", "title": "head", "lang": "language", "source": "from"}
    rows = [{**row, "text": "not this"} for row in renamed(ROWS, names)]
    path = write(tmp_path / f"x.{form}", rows)
    options = "&".join(f"{field}={column}" for field, column in names.items())
    assert read(f"{path}?{options}") == EXPECTED
    assert input_name(f"{path}?{options}") == "x"
    for wrong, message in [
        ("text=abstrakt", r"'abstrakt' is missing \(there are: key, abstract|line 1: 'abstrakt' is missing"),
        ("title=heading", "'heading' is missing"),
        ("body=abstract", "'body' is an unknown or empty option"),
        ("text=", "'text' is an unknown or empty option"),
        ("text=head&text=abstract", "an option is given twice"),
        ("", "no option after the question mark"),
    ]:
        with pytest.raises(DramaError, match=message):
            read(f"{path}?{wrong}")
    odd = tmp_path / "what?.csv"
    odd.write_text("text\none\n")
    assert [d.text for d in read(odd)] == ["one"]


@FORMATS
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "a\tb", "text": "t"}, r"the document id has a tab or a line break.*: 'a\\tb'"),
        ({"id": "a\x1fb", "text": "t"}, "another control character"),
        ({"id": "a\u2028b", "text": "t"}, "another control character"),
        ({"id": " ", "text": "t"}, "the document id is empty"),
        ({"id": " one ", "text": "t"}, "duplicate document id 'one'"),
    ],
)
def test_ids_that_break_other_files(form: str, row: dict[str, str], message: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"x.{form}", [{"id": "one", "text": "t"}, row])
    with pytest.raises(DramaError, match=rf"x\.{form}.*{message}"):
        read(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"id": ' + b"1" * 10_000 + b', "text": "t"}', "an integer of more than 4300 digits"),
        (b'{"id": "b", "text": "t", "x": ' + b"[" * 99_999 + b"]" * 99_999 + b"}", "nested too deeply"),
        (b'{"id": "b", "text": "\xff"}', "not UTF-8"),
        (b'{"text": "t"}', "'id' is missing"),
    ],
)
def test_broken_lines_have_a_place(line: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"id": "a", "text": "t"}\n' + line + b"\n")
    with pytest.raises(DramaError, match=rf"a\.jsonl, line 2: .*{message}"):
        read(tmp_path / "a.jsonl")


def test_a_long_id_is_an_id(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "7" * 10_000, "text": "t"}))
    assert [len(d.id) for d in read(tmp_path / "a.jsonl")] == [10_000]


def test_lines_without_ids_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n\n{"text": "two", "title": "T"}\n')
    assert [(d.id, d.full_text) for d in read(tmp_path / "a.jsonl")] == [("1", "one"), ("3", "T two")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('1,"one\ntwo",b\n2,"x ""y""","open\n3,three,c\n', 4),  # to the end of the file
        ('1,one,b\n2,"open,b\n3,"closed, but here",c\n', 3),  # closes where the next quote opens
        ('1,one,b\r\n2,"a","b\nc" d\r\n', 3),
    ],
)
def test_a_quote_that_does_not_close_is_named_where_it_opens(content: str, line: int, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text,title\n" + content, newline="")
    with pytest.raises(DramaError, match=rf"a\.csv, line {line}: a quote opens here"):
        read(tmp_path / "a.csv")


def test_a_row_of_another_width_is_named_by_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,text\n1,"one\n\ntwo"\n\n2,"three\nfour",more\n')
    with pytest.raises(DramaError, match=r"a\.csv, line 6: 3 cells, but 2 columns"):
        read(tmp_path / "a.csv")


def test_old_macintosh_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,text\r1,one\r2,two\r")
    assert [d.text for d in read(tmp_path / "a.csv")] == ["one", "two"]


@pytest.mark.parametrize(
    "name", ["X.JSONL", "x.jsonl.gz", "x.CSV.GZ", "x.tsv.gz", "notes.txt", "N.MD.GZ", "p.HTML"]
)
def test_single_files(name: str, tmp_path: Path) -> None:
    plain = name.lower().removesuffix(".gz")
    text = {
        ".jsonl": '{"id": "1", "text": "Tea."}\n',
        ".csv": "id,text\n1,Tea.\n",
        ".tsv": "id\ttext\n1\tTea.\n",
    }
    content = text.get(Path(plain).suffix, "Tea.").encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    (found,) = read(tmp_path / name)
    page = Path(plain).suffix in (".txt", ".md", ".html")
    stem = name.split(".")[0]
    assert found == Document(*(name, stem) if page else ("1", ""), "Tea.", "", stem)


def test_a_folder_of_shards(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write(folder / "data/part-0.jsonl", [{"docid": "a", "contents": "one"}])
    (folder / "data/part-1.JSONL.gz").write_bytes(gzip.compress(b'{"text": "two"}\n{"text": "three"}\n'))
    write(folder / "data/part-2.parquet", [{"text": "four", "source": "web"}])
    (folder / "README.md").write_text("A set.")
    (folder / "table.csv").write_text("x,y\n1,2\n")
    (folder / "empty.txt").write_text(" \n")
    (folder / "empty.html").write_text("<p> </p>")
    (folder / "broken.txt").symlink_to("nowhere")
    manifest = build_corpus(CorpusSettings(inputs=[str(folder)], languages=["en"]), tmp_path / "out")
    found = {d.id: (d.title, d.text, d.source) for d in read_passages(tmp_path / "out/passages.parquet")}
    assert found == {
        "README.md": ("README", "A set.", "set"),
        "a": ("", "one", "set"),
        "data/part-1.JSONL.gz:1": ("", "two", "set"),
        "data/part-1.JSONL.gz:2": ("", "three", "set"),
        "data/part-2.parquet:1": ("", "four", "web"),
    }
    assert manifest.counts == {
        "ok": 5,
        "empty, left out": 2,
        "table without a column of text, left out": 1,
        "broken link, left out": 1,
    }
    write(folder / "part-3.jsonl", [{"id": "a", "text": "another"}])
    with pytest.raises(DramaError, match=r"part-3\.jsonl, line 1: duplicate document id 'a'"):
        read(folder)


def test_folders_that_hold_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\none\n")
    (tmp_path / "b.bin").write_bytes(b"x")
    with pytest.raises(
        DramaError, match=r"no file that can be read \(1 without a column of text, 1 \.bin files"
    ):
        read(tmp_path)
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "one"}\n')
    with pytest.raises(DramaError, match=r"holds queries\.jsonl but no corpus\.jsonl"):
        read(tmp_path)


@pytest.mark.parametrize("out", [".", "runs/mine", ".hidden"])
def test_an_output_inside_the_corpus_is_refused(
    out: str, tmp_path: Path, run_drama: Callable[..., Any]
) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("Bees dance.")
    for command in (("corpus",), ("encode", "no-model")):
        done = run_drama(*command, folder, "--out", folder / out)
        assert done.code == 2
        assert "is inside the corpus" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert run_drama("corpus", folder, "--out", tmp_path / "notes-2").code == 0
    write(folder / "corpus.jsonl", ROWS)  # now a BEIR folder, of which only this file is read
    assert run_drama("corpus", folder, "--out", folder / "runs").code == 0


def test_sources_that_rows_name_are_kept(tmp_path: Path) -> None:
    own = write(tmp_path / "own.jsonl", ROWS)
    beir = write(tmp_path / "beir/corpus.jsonl", [{"_id": "a", "text": "three", "source": "web"}])
    settings = CorpusSettings(inputs=[str(own), str(beir.parent)], languages=["en"])
    build_corpus(settings, tmp_path / "out")
    found = {d.id: d.source for d in read_passages(tmp_path / "out/passages.parquet")}
    assert found == {"own/a": "web", "beir/a": "beir"}  # judgments know a BEIR folder's documents by its name
    assert names_sources(str(own))
    assert not names_sources(str(beir.parent))
    assert not names_sources("python-docs")


def test_something_else_called_source(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", [{"text": "one", "source": {"url": "x"}}, {"text": "two", "source": 3}]
    )
    assert [d.source for d in read(path)] == ["a", "a"]
    with pytest.raises(DramaError, match="line 1: field 'source' must be text, found dict"):
        read(f"{path}?source=source")


def test_damaged_and_foreign_parquet_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [{"text": f"text {i}" * 50} for i in range(9000)])
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = b"\0" * 2000
    (tmp_path / "b.parquet").write_bytes(data)
    with pytest.raises(DramaError, match=r"b\.parquet: damaged after row \d+"):
        read(tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(bytes(data[:-50]))
    with pytest.raises(DramaError, match=r"c\.parquet: not a Parquet file, or damaged"):
        read(tmp_path / "c.parquet")
    broken = pa.array([b"good", b"caf\xe9"]).cast(pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": broken}), tmp_path / "d.parquet")
    with pytest.raises(DramaError, match=r"d\.parquet: row 2: not UTF-8"):
        read(tmp_path / "d.parquet")
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "e.parquet")
    with pytest.raises(DramaError, match=r"e\.parquet: has two columns 'text'"):
        read(tmp_path / "e.parquet")


@pytest.mark.parametrize(
    ("head", "encoding", "text"),
    [
        ("<meta charset=gb2312>", "gb18030", "朱镕基曾任国务院总理。"),
        ("<meta charset='shift_jis'>", "cp932", "①髙橋さん"),
        ('<meta http-equiv=x content="text/html; charset=iso-8859-1">', "cp1252", "“Don’t” — €5"),
        ("<meta charset=ks_c_5601-1987>", "cp949", "똠방각하"),
        ("<META CHARSET = Windows-1251>", "cp1251", "Привет"),
        ("<meta charset=utf-16>", "utf-8", "Café"),  # as in browsers: it can't be, where this can be read
        ("", "utf-16", "Café"),
        ("<meta charset=latin1>", "utf-8-sig", "Café"),
    ],
)
def test_encodings_of_web_pages(head: str, encoding: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(f"{head}<p>{text}</p>".encode(encoding))
    assert [d.text for d in read(tmp_path / "a.html")] == [text]


@pytest.mark.parametrize("charset", ["", "utf-7", "rot13", "iso-2022-kr", "gbk"])
def test_pages_that_name_no_or_the_wrong_encoding_are_guessed(charset: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(f"<meta charset={charset}><p>caf\xe9".encode("latin-1"))
    assert [d.text for d in read(tmp_path / "a.html")] == ["café"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>Use <code>std::enable_if_t<![FOR foo]></code> here.</p>", "Use std::enable_if_t here."),
        ("<p>A list: <![1]> milk</p>", "A list: milk"),
        ("<p>Rivers.</p><![endif]--><![if !vml]><p>Sand.</p>", "Rivers. Sand."),
        ("<p>a</p><![CDATA[x]]><p>b</p>", "a b"),
        ("<p>a<!DOCTYPE x [<!ENTITY y 'z'>]>b</p>", "a]>b"),
        ("<p>a</p><!---><p>b</p>", "a b"),
        ("<p>&#xD800;&#0;&#x110000;</p>", "\ufffd\ufffd\ufffd"),
        ("<", "<"),
        ("<p>a\0b</p>", "ab"),
    ],
)
def test_marked_sections_and_other_oddities(page: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(page)
    (found,) = read(tmp_path / "a.html")
    assert " ".join(found.text.split()) == text


def test_names_of_files_that_are_not_text(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in (b"caf\xe9.txt", b"a\tb.md", b"plain.txt", b"caf\xe9.jsonl"):
        rows = name.endswith(b"jsonl")
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_text(
            '{"text": "Tea 1."}' if rows else f"Text {name!r}."
        )
    build_corpus(CorpusSettings(inputs=[str(folder)], languages=["en"]), tmp_path / "out")
    found = {d.id: d.title for d in read_passages(tmp_path / "out/passages.parquet")}
    assert found == {
        "caf\\xe9.txt": "caf\\xe9",
        "a\\tb.md": "a\\tb",
        "plain.txt": "plain",
        "caf\\xe9.jsonl:1": "",
    }


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.7, 0.9, 0.95, 0.97, 0.98, 0.99, 0.999])
def test_every_threshold_of_near_duplicates_works(threshold: float) -> None:
    words = [f"word{i}" for i in range(4000)]
    seen = NearDuplicates(threshold)
    assert not seen.add(" ".join(words))
    assert seen.add(" ".join(words) + ".")  # one of some 30,000 shingles differs
    assert not seen.add("A wholly different 7 text about bees")


def test_what_encode_leaves_out_is_counted_and_listed(
    run_drama: Callable[..., Any], tiny_llm: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("Tea is green.")
    (folder / "b.txt").write_text("")
    (folder / "c.bin").write_text("x")
    (folder / "e.pdf").write_text("x")
    (folder / "d").symlink_to("nowhere")
    done = run_drama("encode", tiny_llm, folder, "--out", tmp_path / "out")
    assert done.code == 0, done.stderr
    said = " ".join(done.stderr.split())
    reasons = ("1 files that no reader knows (1 .bin)", "1 empty", "1 damaged", "1 broken link")
    assert all(reason in said for reason in reasons)
    assert "encoded 1, reused 0" in said
    rows = (tmp_path / "out.left-out.tsv").read_text().splitlines()[1:]
    assert sorted(row.split("\t")[0] for row in rows) == ["b.txt", "c.bin", "d", "e.pdf"]
    for name in ("c.bin", "d", "e.pdf"):
        (folder / name).unlink()
    done = run_drama("encode", tiny_llm, folder, "--out", tmp_path / "out", "--strict")
    assert done.code == 0, done.stderr  # an empty text is no mistake
    (folder / "e.pdf").write_text("x")
    done = run_drama("encode", tiny_llm, folder, "--out", tmp_path / "out", "--strict")
    assert done.code == 2
    assert "e.pdf: damaged" in done.stderr


def test_an_index_in_the_current_folder(
    run_drama: Callable[..., Any], tiny_llm: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("Tea is green.")
    (tmp_path / "out").mkdir()
    done = run_drama("encode", tiny_llm, tmp_path / "a.txt", "--out", ".", cwd=tmp_path / "out")
    assert done.code == 0, done.stderr


def test_inputs_are_checked_without_reading_them(tmp_path: Path) -> None:
    for name in ("b.jsonl", "c.csv"):
        (tmp_path / name).write_bytes(b"\xff")
    names = [str(path) for path in sorted(tmp_path.iterdir())]
    check_inputs(names, tmp_path / "out")
    for name in names:
        with pytest.raises(FileError, match="not UTF-8"):
            list(read_input(name))


def test_hidden_folders_are_named_and_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    for name in ("a.txt", ".git/config.txt", ".draft.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("Bees dance at noon.")
    listed: list[tuple[str, ...]] = []
    tally = Tally(listed=lambda *row: listed.append(row), strict=True)  # nobody means these
    assert [d.id for d in read_input(str(folder), tally)] == ["a.txt"]
    assert listed == [(".draft.md", "hidden", ""), (".git/", "hidden", "")]
