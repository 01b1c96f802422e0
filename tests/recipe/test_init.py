"""A look at a folder, and the recipe that comes of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drama.recipe.look import look_at, minutes_of
from drama.recipe.recipe import load_recipe

Drama = Callable[..., Any]
GERMAN = [
    "Der Flügel des Flugzeugs erzeugt Auftrieb, wenn die Luft über ihn strömt.",
    "Hormone regeln den Zucker im Blut der Patienten, und die Leber speichert ihn.",
    "Bibliotheken ordnen ihre Bücher, damit die Leser finden, was sie suchen.",
]


@pytest.fixture
def folder(tmp_path: Path, texts: list[str]) -> Path:
    home = tmp_path / "my 'odd' notes"
    home.mkdir()
    for n, text in enumerate(texts):
        (home / f"{n}.md").write_text(f"# Note {n}\n\n{text}\n")
    (home / "long.txt").write_text(" ".join(texts * 20))
    (home / "again.md").write_text(f"# Note 0\n\n{texts[0]}\n")
    (home / "empty.txt").write_text("")
    (home / "cat.jpg").write_bytes(b"\xff\xd8")
    return home


def test_it_counts_what_a_run_would_read(folder: Path) -> None:
    look = look_at(str(folder))
    assert (look.documents, look.duplicates, look.long, look.whole) == (10, 1, 1, True)
    assert look.languages == {"en": 9}
    assert look.files == {".md files": 9, ".txt files": 2, ".jpg files, not read": 1}
    assert look.left_out == {".jpg files, which no reader knows, left out": 1, "empty, left out": 1}
    assert look.recipe == "adapt-fast"
    assert look.passages > look.documents
    assert minutes_of(look, 10.0) > minutes_of(look, 100.0) > 1.5


def test_a_folder_that_is_not_read_to_the_end_is_estimated_by_its_files(folder: Path) -> None:
    look = look_at(str(folder), seconds=0.0)
    assert not look.whole
    assert look.documents == 1
    assert look.scale == 11.0


def test_the_recipe_runs_as_it_is(folder: Path, run_drama: Drama, tmp_path: Path) -> None:
    done = run_drama("init", folder, "--out", tmp_path / "mine.yaml")
    assert done.code == 0, done.stderr
    assert "12 files" in done.stdout
    assert "languages: en 100%" in done.stdout
    assert "1 documents are the same as another" in done.stdout
    assert f"next: drama run {tmp_path}/mine.yaml" in done.stdout
    recipe = load_recipe(tmp_path / "mine.yaml", [])
    assert recipe.corpus.inputs == [str(folder)]
    assert recipe.run == "runs/my--odd--notes"
    assert recipe.prune.parent == "all-minilm-l6-v2"
    assert run_drama("init", folder, "--out", tmp_path / "mine.yaml").code == 2  # is there already
    assert run_drama("init", tmp_path / "none", "--out", tmp_path / "b.yaml").code == 2


def test_other_languages_get_another_model(tmp_path: Path, run_drama: Drama) -> None:
    home = tmp_path / "notizen"
    home.mkdir()
    for n, text in enumerate(GERMAN):
        (home / f"{n}.txt").write_text(text)
    done = run_drama("init", home, "--out", tmp_path / "mine.yaml")
    assert done.code == 0, done.stderr
    assert "languages: de 100%" in done.stdout
    recipe = load_recipe(tmp_path / "mine.yaml", [])
    assert recipe.prune.parent == "multilingual-e5-small"
    assert "# languages: [de]" in (tmp_path / "mine.yaml").read_text()


def test_nobody_is_asked_where_there_is_no_terminal(
    run_drama: Drama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_drama("init")
    assert done.code == 2
    assert "no corpus is named" in done.stderr
