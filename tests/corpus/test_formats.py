"""Every format in a person's folder: title, text, headings and code; what is left out, with its reason."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from drama.corpus import CorpusSettings, build_corpus
from drama.corpus.readers.inputs import read_input
from drama.corpus.readers.man_page import manual
from drama.corpus.readers.markup import asciidoc, markdown, restructured
from drama.corpus.readers.page import text_of
from drama.corpus.readers.web_page import parse_web_page
from drama.errors import DramaError, FileError
from drama.records import read_passages

TITLE = "Tea and pots"
TEXT = "Green tea is not fermented."
Made = Callable[[str, Path], None]


def read(path: Path) -> tuple[str, str, str]:
    (found,) = read_input(str(path))
    return found.title, found.text, found.lang


SOURCES = {
    "a.md": f"---\ntitle: {TITLE}\nlang: en-GB\n---\n\n# Leaves\n\n{TEXT}\n\n```sh\nboil 90\n```\n",
    "a.rst": f".. _top:\n\n{'=' * 12}\n{TITLE}\n{'=' * 12}\n\nLeaves\n======\n\n{TEXT}\n\n"
    ".. code-block:: sh\n\n   boil 90\n",
    "a.adoc": f"= {TITLE}\n:lang: en-GB\n\n== Leaves\n\n{TEXT}\n\n[source,sh]\n----\nboil 90\n----\n",
    "a.org": f"#+TITLE: {TITLE}\n#+LANGUAGE: en-GB\n* Leaves\n{TEXT}\n#+BEGIN_SRC sh\nboil 90\n#+END_SRC\n",
    "a.tex": f"\\documentclass{{article}}\\title{{{TITLE}}}\\begin{{document}}"
    "\\maketitle\\section{Leaves}\n"
    f"{TEXT} % no\n\\begin{{verbatim}}\nboil 90\n\\end{{verbatim}}\n\\end{{document}}",
    "a.html": f"<html lang=en><title>x</title><body><div class=sidebar>Home</div><main><h1>{TITLE}</h1>"
    f"<h2>Leaves</h2><p>{TEXT}</p><pre>boil 90</pre></main><footer>Imprint</footer>",
    "a.ipynb": json.dumps(
        {
            "cells": [
                {"cell_type": "markdown", "source": [f"# {TITLE}\n", "## Leaves\n", TEXT]},
                {"cell_type": "code", "source": "boil 90", "outputs": [{"text": "hot"}]},
            ],
            "metadata": {},
        }
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_headings_text_and_code(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(SOURCES[name])
    title, text, lang = read(tmp_path / name)
    assert title == TITLE
    assert lang in ("en", "")
    heading, body, fence, code, end = (line for line in text.split("\n") if line)
    assert heading.lstrip("#") == " Leaves"
    assert (body, code, end) == (TEXT, "boil 90", "```")
    assert fence.startswith("```")


@pytest.mark.parametrize("kind", ["pdf", "docx", "epub"])
def test_documents_of_programs(kind: str, made: Made, tmp_path: Path) -> None:
    made(kind, tmp_path / f"a.{kind}")
    title, text, lang = read(tmp_path / f"a.{kind}")
    assert title == TITLE
    assert TEXT in text
    if kind == "pdf":
        assert "It is steamed instead." in text
    else:
        assert lang == "en"
        assert text.index("# Leaves") < text.index(TEXT) < text.index("# Pots") < text.index("clay")


def test_manual_pages() -> None:
    page = manual(
        '.\\" no\n.TH TEA 1 "2026"\n.SH NAME\ntea \\- steep \\fIleaves\\fP\n.SH "SEE ALSO"\n.BR pot (1),\n'
        ".IR cup (5)\n.SS Code\n.nf\n$ tea \\-t 3\n.fi\n"
    )
    assert page.title == "tea(1)"
    assert page.text == (
        "# NAME\n\ntea - steep leaves\n\n# SEE ALSO\n\npot(1),\ncup(5)\n\n## Code\n\n```\n$ tea -t 3\n```"
    )
    page = manual(
        ".Dd May 1\n.Dt TEA 8\n.Sh NAME\n.Nm tea\n.Nd steep leaves\n.Sh SYNOPSIS\n.Nm tea\n.Op Fl t Ar time\n"
        ".Sh SEE ALSO\n.Xr pot 1 ,\n.Xr cup 5\n"
    )
    assert page.title == "tea(8)"
    assert "tea\n- steep leaves" in page.text
    assert "[-t time]" in page.text
    assert "pot(1),\ncup(5)" in page.text


def test_manual_pages_of_generators() -> None:
    lines = [
        "'\\\" t",
        r'.TH "GIT\-TEA" 1',
        r".ie \n(.g .ds Aq \(aq",
        r".el .ds Aq '",
        *(".de URL", "no", ".."),
        r".if \n[.g] \{\ ".rstrip(),
        *(".  am URL", ".    ad l", ".  ."),
        r".\}",
        ".SH NAME",
        r"git\-tea \- steep",
        *(".if n yes", ".if t no"),
    ]
    page = manual("\n".join(lines))
    assert (page.title, page.text) == ("git-tea(1)", "# NAME\n\ngit-tea - steep\nyes")


def test_files_without_a_suffix_and_compressed_manuals(tmp_path: Path) -> None:
    (tmp_path / "README").write_text(TEXT)
    (tmp_path / "tea.1.gz").write_bytes(gzip.compress(f".TH TEA 1\n.SH NAME\n{TEXT}\n".encode()))
    (tmp_path / "pot.py").write_text("def pour():\n    ...\n")
    found = {d.id: (d.title, d.text) for d in read_input(str(tmp_path))}
    assert found == {
        "README": ("README", TEXT),
        "tea.1.gz": ("TEA(1)", f"# NAME\n\n{TEXT}"),
        "pot.py": ("pot.py", "```py\ndef pour():\n    ...\n```"),
    }


WORDS = {
    "cp1252": "Der Tee schmeckt süß, und die Straße ist schön. Über allem der Duft; größere Kannen kühlen.",
    "cp1251": "Зелёный чай не подвергается ферментации. Его заваривают горячей водой, не кипятком.",
    "shift_jis": "緑茶は発酵させていないお茶です。お湯の温度は八十度くらいが良いでしょう。",
    "gb18030": "绿茶是不经过发酵的茶。水的温度大约八十度比较好。请等三分钟再喝。",
    "cp1253": "Το πράσινο τσάι δεν έχει υποστεί ζύμωση. Το νερό πρέπει να είναι ζεστό, όχι βραστό.",
    "cp949": "녹차는 발효시키지 않은 차입니다. 물의 온도는 팔십 도 정도가 좋습니다.",
    "utf-16": "Green tea, thé vert, 緑茶.",
}


@pytest.mark.parametrize("encoding", WORDS)
def test_encodings_are_guessed(encoding: str, tmp_path: Path) -> None:
    text = "\n".join([WORDS[encoding]] * 3)
    found, guessed = text_of(text.encode(encoding), tmp_path / "a.txt")
    assert found == text
    assert bool(guessed) == (encoding != "utf-16")


def test_one_accent_in_a_long_text_is_western(tmp_path: Path) -> None:
    text = f"{TEXT}\n" * 200 + "A café in Zürich.\n"
    assert text_of(text.encode("latin-1"), tmp_path / "a.txt") == (text, "cp1252")


def test_what_is_left_out_is_listed_with_its_reason(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text(TEXT)
    (folder / "b.md").write_text(f"# b\n\nAgain: {TEXT}")
    (folder / "same.txt").write_text("Tea.")
    (folder / "sub/same.txt").write_text("Tea.")
    (folder / "empty.rst").write_text("\n")
    (folder / "cat.jpg").write_bytes(b"\xff\xd8\0")
    (folder / "binary.txt").write_bytes(b"\0\1\2")
    (folder / "old.txt").write_bytes("Die Straße ist schön, und der Tee ist süß.".encode("cp1252"))
    (folder / "broken.gz").write_bytes(b"x")
    (folder / "tea.1").write_text(".so man1/pot.1\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    made("locked", folder / "locked.pdf")
    made("scan", folder / "scan.pdf")
    settings = CorpusSettings(inputs=[str(folder)], languages=["en"])
    manifest = build_corpus(settings, tmp_path / "out")
    assert {d.id for d in read_passages(tmp_path / "out/passages.parquet")} == {
        "a.txt", "b.md", "same.txt", "old.txt",
    }  # fmt: skip
    with (tmp_path / "out/left-out.tsv").open(encoding="utf-8") as file:
        rows = {row["name"]: row["reason"] for row in csv.DictReader(file, delimiter="\t")}
    assert rows == {
        "sub/same.txt": "exact duplicate",
        "empty.rst": "empty",
        "cat.jpg": ".jpg files, which no reader knows",
        "binary.txt": "binary",
        "broken.gz": "damaged",
        "tea.1": "only another name of a manual page",
        "broken.pdf": "damaged",
        "locked.pdf": "locked with a password",
        "scan.pdf": "a PDF without text",
    }
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert manifest.counts["ok"] + len(rows) == len(files)
    assert manifest.counts["not UTF-8, read as cp1252"] == 1
    assert manifest.counts["damaged, left out"] == 2
    (tmp_path / "other.txt").write_text("Coffee.")
    two = CorpusSettings(inputs=[str(folder), str(tmp_path / "other.txt")], languages=["en"])
    build_corpus(two, tmp_path / "two")
    assert "\nin/cat.jpg\t" in (tmp_path / "two/left-out.tsv").read_text()
    with pytest.raises(DramaError, match="--strict"):
        build_corpus(settings.model_copy(update={"strict": True}), tmp_path / "strict")
    with pytest.raises(FileError, match="locked with a password"):
        read(folder / "locked.pdf")


def test_without_anything_left_out_there_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    build_corpus(CorpusSettings(inputs=[str(tmp_path / "a.txt")], languages=["en"]), tmp_path / "out")
    assert not (tmp_path / "out/left-out.tsv").exists()


def test_the_main_part_of_a_web_page() -> None:
    page = parse_web_page(
        "<title>Tea - Site</title><body><header role=banner>Site</header><div id=toc>1</div><article><h1>Tea"
        "<a class=headerlink>¶</a></h1><p>Steep.<h2>Pot</h2><pre>  a\n    b</pre></article><aside>Ads</aside>"
    )
    assert (page.title, page.text) == ("Tea", "Steep.\n\n## Pot\n\n```\n  a\n    b\n```")
    small = parse_web_page(f"<main>x</main><div>{TEXT}</div>")
    assert TEXT in small.text


def test_marks_that_look_like_headings() -> None:
    assert markdown("```\n# no\n```\n\n# Yes").title == "Yes"
    assert markdown("a table\n\n| a | b |\n|---|---|\n| 1 | 2 |").text.count("|") == 9
    assert markdown("---\nno: [front\n---\ntext").text.endswith("text")
    assert restructured("===== =====\na     b\n===== =====\n1     2\n===== =====").title == ""
    assert asciidoc("----\n= no\n----\n\n== Yes").title == "Yes"
