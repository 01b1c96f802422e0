"""The command line itself: help, messages, exit statuses, and a quick start."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import drama

PIPELINE = [
    "run",
    "recipes",
    "pull",
    "corpus",
    "prune",
    "augment",
    "teach",
    "train",
    "replay",
    "evaluate",
    "encode",
    "index",
    "search",
]
COMMANDS = [*PIPELINE, "report", "bench"]

RunDrama = Callable[..., Any]


def test_help_lists_every_command_with_its_purpose(run_drama: RunDrama) -> None:
    lines = run_drama("--help").stdout.splitlines()
    for command in COMMANDS:
        assert any(re.match(rf"\W*{command}  +\w", line) for line in lines), command


def test_each_command_explains_itself_without_loading_torch() -> None:
    script = (
        "import sys, drama.cli as cli\n"
        f"for command in {COMMANDS}:\n"
        "    try: cli._app()([command, '--help'])\n"
        "    except SystemExit as end: assert end.code == 0, command\n"
        "    assert not {'torch', 'transformers', 'numpy'} & set(sys.modules), command\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage") == len(COMMANDS)


def test_the_console_script_starts_quickly() -> None:
    script = Path(sys.executable).with_name("drama")
    before = os.times()
    done = subprocess.run([script, "--help"], capture_output=True, text=True, timeout=60, check=False)
    after = os.times()
    assert done.returncode == 0
    assert "Usage: drama" in done.stdout
    # processor time, to which other work on the machine does not add
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1.5


def test_version(run_drama: RunDrama) -> None:
    assert run_drama("--version") == (0, f"{drama.__version__}\n", "")


def test_a_mistake_is_two_lines_and_status_2_and_debug_shows_where(run_drama: RunDrama) -> None:
    done = run_drama("report", "nowhere")
    assert done.code == 2
    assert done.stderr.splitlines() == [
        "error: nowhere: holds no run",
        "  → name the folder that `drama run` filled",
    ]
    assert "Traceback" in run_drama("--debug", "report", "nowhere").stderr


def test_benchmarks_are_listed_and_others_refused(run_drama: RunDrama) -> None:
    listed = run_drama("bench", "--help").stdout
    assert all(name in listed for name in ("encode", "train", "generate", "yields", "rerank"))
    done = run_drama("bench", "nonsense")
    assert done.code == 2
    assert "No such command 'nonsense'" in done.stderr


def test_a_wrong_option_is_status_2(run_drama: RunDrama) -> None:
    done = run_drama("search", "--kk", "3")
    assert done.code == 2
    assert "No such option" in done.stderr


def test_ctrl_c_says_how_to_resume(run_drama: RunDrama, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull() -> None:
        signal.raise_signal(signal.SIGINT)
        time.sleep(60)

    # a test run in the background of a shell inherits an ignored SIGINT; a terminal's command does not
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr("drama.cli.pull.pull", pull)
    try:
        done = run_drama("pull")
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.code == 130
    assert done.stderr.strip() == "stopped; run the same command again to resume"


def test_sigterm_ends_as_ctrl_c_does(run_drama: RunDrama, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def pull() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(60)
        finally:
            closed.append("closed")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("drama.cli.pull.pull", pull)
    done = run_drama("pull")
    assert (done.code, closed) == (143, ["closed"])
    assert done.stderr.strip() == "stopped; run the same command again to resume"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_write_that_fails_is_explained_whatever_the_command(
    run_drama: RunDrama, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/cache/weights")

    monkeypatch.setattr("drama.cli.pull.pull", pull)
    done = run_drama("pull")
    assert done.code == 2
    assert done.stderr.splitlines() == [
        "error: /cache/weights: no space left on the device; what was saved before is kept",
        "  → free some and run the same command again: it resumes from there",
    ]


@pytest.mark.parametrize("out", ["file", "file/folder", "n" * 300])
def test_an_output_folder_that_cannot_be_made_is_named(out: str, run_drama: RunDrama, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "a.txt").write_text("Bees dance.")
    done = run_drama("corpus", "a.txt", "--out", out, cwd=tmp_path)
    assert done.code == 2
    named, what = done.stderr.splitlines()[0].removeprefix("error: ").split(": ")
    assert named.split("/")[0] == out.split("/")[0]
    assert what in ("a file is there already, where a folder is needed", "the name is too long")


def test_other_errors_of_the_system_are_said_without_their_number(
    run_drama: RunDrama, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull() -> None:
        raise OSError(errno.EMFILE, "Too many open files", "/cache/weights")

    monkeypatch.setattr("drama.cli.pull.pull", pull)
    assert run_drama("pull").stderr == "error: /cache/weights: too many open files\n"


def test_recipes_in_the_package(run_drama: RunDrama, tmp_path: Path) -> None:
    listed = run_drama("recipes").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [
        "adapt-fast",
        "adapt-multilingual",
        "adapt-static",
        "adapt",
        "quickstart",
    ]
    assert all(len(line.split()) > 5 for line in listed)
    printed = run_drama("recipes", "quickstart").stdout
    assert yaml.safe_load(printed)["run"] == "runs/quickstart"
    for command in ("recipes", "run"):
        done = run_drama(command, "quikstart", cwd=tmp_path)
        assert done.code == 2
        assert done.stderr.splitlines() == [
            "error: no recipe 'quikstart'",
            "  → recipes in the package: adapt-fast, adapt-multilingual, adapt-static, adapt, quickstart; "
            "or give the path of a YAML file",
        ]


def test_a_recipe_is_found_by_name_and_by_path(run_drama: RunDrama, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(run_drama("recipes", "adapt").stdout)
    for recipe in ("adapt", "mine.yaml", "./mine.yaml", tmp_path / "mine.yaml"):
        done = run_drama("run", recipe, "--set", "seeds=1", cwd=tmp_path)
        assert done.code == 2
        assert "seeds: unknown key" in done.stderr
    assert not (tmp_path / "runs").exists()
