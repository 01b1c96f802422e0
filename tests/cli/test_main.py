"""The way out of the command line: messages, exit statuses, and a quick start."""

import re
import signal
import subprocess
import sys
import time

import pytest

PIPELINE = [
    "run",
    "pull",
    "corpus",
    "prune",
    "augment",
    "teach",
    "train",
    "evaluate",
    "encode",
    "index",
    "search",
]
COMMANDS = [*PIPELINE, "report", "bench", "version"]


def drama(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drama.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_every_command_with_its_purpose() -> None:
    lines = drama("--help").stdout.splitlines()
    for command in COMMANDS:
        assert any(re.match(rf"\W*{command}  +\w", line) for line in lines), command


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_without_loading_torch(command: str) -> None:
    script = (
        "import sys, drama.cli as cli\n"
        f"try: cli._app()(['{command}', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_a_mistake_is_two_lines_and_status_2_and_debug_shows_where() -> None:
    done = drama("report", "nowhere")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: nowhere: holds no run",
        "  → name the folder that `drama run` filled",
    ]
    assert "Traceback" in drama("--debug", "report", "nowhere").stderr


def test_benchmarks_are_listed_and_others_refused() -> None:
    listed = drama("bench", "--help").stdout
    assert all(name in listed for name in ("encode", "train", "generate", "yields", "rerank"))
    done = drama("bench", "speed")
    assert done.returncode == 2
    assert "No such command 'speed'" in done.stderr


def test_a_wrong_option_is_status_2() -> None:
    done = drama("search", "--kk", "3")
    assert done.returncode == 2
    assert "No such option" in done.stderr


def test_ctrl_c_says_how_to_go_on() -> None:
    script = (
        "import signal, sys, time, drama.cli as cli, drama.cli.version as v\n"
        # a test run in the background of a shell inherits an ignored SIGINT; a terminal's command does not
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def version() -> None:\n"
        "    print('at work', flush=True)\n"
        "    time.sleep(60)\n"
        "v.version = version\n"
        "sys.argv = ['drama', 'version']\n"
        "cli.main()\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "at work\n"
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=30)
    assert run.returncode == 130
    assert said.strip() == "stopped; run the same command again to go on from here"


def test_help_is_quick() -> None:
    best = 60.0
    for _ in range(3):  # the fastest of three: other work on the machine only adds
        begin = time.monotonic()
        assert drama("--help").returncode == 0
        best = min(best, time.monotonic() - begin)
    assert best < 1.5
