"""Documents with headings, paragraphs and code, in passages."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from drama.corpus.passages.chunks import Chunker, room_in
from drama.corpus.passages.structure import blocks
from drama.records import Document

SENTENCE = "The wing number {} lifts the plane over the sea. "


def prose(first: int, sentences: int) -> str:
    return "".join(SENTENCE.format(n) for n in range(first, first + sentences)).strip()


def sections(*lengths: int, level: int = 2) -> str:
    return "\n\n".join(f"{'#' * level} Section {n}\n\n{prose(100 * n, m)}" for n, m in enumerate(lengths))


def cut(llm: Path, text: str, tokens: int, title: str = "Wings", overlap: int = 0) -> list[Document]:
    found = Chunker(llm / "tokenizer.json", tokens, overlap)(Document("d", title, text, "en"))
    tokenizer = Tokenizer.from_file(str(llm / "tokenizer.json"))
    assert max(len(tokenizer.encode(d.full_text, add_special_tokens=False)) for d in found) <= tokens - 3
    return found


def test_chunks_begin_at_headings(tiny_llm: Path) -> None:
    found = cut(tiny_llm, sections(4, 4, 4, 4, 4, 4), 170)
    assert len(found) > 2
    assert all(d.text.startswith("## Section") for d in found)
    assert {d.title for d in found} == {"Wings"}  # the heading is in the text


def test_a_long_section_is_cut_at_a_paragraph_and_keeps_its_headings(tiny_llm: Path) -> None:
    paragraphs = "\n\n".join(prose(10 * n, 3 if n else 1) for n in range(6))
    text = f"# Manual\n\nIntro.\n\n## Options\n\n### Output\n\n{paragraphs}"
    found = cut(tiny_llm, text, 120)
    assert [d.title for d in found[1:]] == ["Wings > Manual > Options > Output"] * (len(found) - 1)
    starts = [prose(10 * n, 1) for n in range(6)]
    assert all(d.text.startswith(tuple(starts)) for d in found[1:])


def test_a_heading_is_never_the_end_of_a_chunk(tiny_llm: Path) -> None:
    for tokens in range(60, 200, 7):
        for d in cut(tiny_llm, sections(3, 9, 2, 5, 1, 1, 7), tokens):
            assert not d.text.rsplit("\n", 1)[-1].startswith("#")


def test_headings_that_repeat_the_title_or_are_long_stay_out_of_titles(tiny_llm: Path) -> None:
    text = f"# WINGS\n\n## {'very ' * 30}long\n\n### Part\n\n{prose(0, 30)}"
    titles = {d.title for d in cut(tiny_llm, text, 120)}
    assert titles == {"Wings", "Wings > Part"}
    untitled = cut(tiny_llm, f"# A\n\n{prose(0, 30)}", 120, title="")
    assert {d.title for d in untitled[1:]} == {"A"}


def test_code_is_cut_between_its_parts(tiny_llm: Path) -> None:
    functions = "\n\n".join(f"def f{n}(x):\n    # adds\n    y = x + {n}\n    return y * 2" for n in range(20))
    found = cut(tiny_llm, f"```py\n{functions}\n```", 130, title="f.py")
    assert len(found) > 2
    assert all(d.text.startswith(("```py", "def f")) for d in found)
    assert "".join(d.text for d in found).replace("\n", "") == f"```py{functions}```".replace("\n", "")


def test_overlap_repeats_whole_sentences_but_not_over_headings(tiny_llm: Path) -> None:
    found = cut(tiny_llm, prose(0, 60), 120, overlap=30)
    for before, after in itertools.pairwise(found):
        first = after.text.split(". ")[0]
        assert first in before.text
        assert first != before.text.split(". ")[0]
        assert before.text.endswith("sea.")
    assert all(d.text.startswith("The wing") for d in found)
    whole = cut(tiny_llm, sections(4, 4, 4), 170, overlap=30)
    assert all(d.text.startswith("## Section") for d in whole)


def test_lines_with_a_number_sign_inside_text_and_code_are_no_headings() -> None:
    text = "$ make\n# comment\ndone\n\n```\n\n# x\n```\n\n# Real #\n\n#no\n\n~~~ open"
    found = [(b.kind, b.level, b.title) for b in blocks(text)]
    assert found == [
        ("paragraph", 0, ""),
        ("code", 0, ""),
        ("heading", 1, "Real"),
        ("paragraph", 0, ""),
        ("paragraph", 0, ""),
    ]


LINES = st.sampled_from(
    [
        "",
        "# A",
        "## B b",
        "word word. Next one.",
        "```",
        "````",
        "```py",
        "~~~",
        "  x = 1",
        "- item",
        "\t",
        "終わり。",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=40))
def test_blocks_hold_all_that_is_not_white_space(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = list(blocks(text))
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert "".join("".join(text[b.start : b.end] for b in found).split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["```\n" * 4000, "# a\n\n" * 8000, "`" * 3 + "\n" + "x\n\n" * 9000])
def test_strange_texts_take_no_time(text: str, tiny_llm: Path) -> None:
    found = Chunker(tiny_llm / "tokenizer.json", 256)(Document("d", "", text, "en"))
    assert "".join("".join(d.text for d in found).split()) == "".join(text.split())


def test_a_prefix_takes_room_and_padding_none(tiny_llm: Path, tmp_path: Path) -> None:
    tokenizer = tiny_llm / "tokenizer.json"
    assert room_in(256, "", tokenizer) == 256
    taken = 256 - room_in(256, "passage: ", tokenizer)
    assert 0 < taken < 16
    padding = Tokenizer.from_file(str(tokenizer))
    padding.enable_padding(length=128)
    padding.enable_truncation(2)
    padding.save(str(tmp_path / "tokenizer.json"))
    assert room_in(256, "passage: ", tmp_path / "tokenizer.json") == 256 - taken
