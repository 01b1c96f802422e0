"""`drama` commands as processes of their own, started by a fork server: `Commands.run` and `start`."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

SERVER = Path(__file__).with_name("server.py")
PATIENCE = 240.0


class Ended(NamedTuple):
    """How a command ended. `code` is negative after a signal; `points` is None if it was killed."""

    code: int
    stdout: str
    stderr: str
    points: int | None


class Running:
    """A command at work."""

    def __init__(self, commands: "Commands", pid: int, log: Path) -> None:
        self._commands, self.pid, self._log = commands, pid, log

    def signal(self, number: int) -> None:
        """To the command's whole process group."""
        with suppress(ProcessLookupError):  # it has just ended
            os.killpg(self.pid, number)

    def wait(self, seconds: float = PATIENCE) -> Ended | None:
        """How it ended; None if it did not within this time."""
        code = self._commands.ask({"wait": self.pid, "seconds": seconds})["code"]
        if code is None:
            return None
        points = self._log / "points"
        texts = ((self._log / name).read_text(errors="replace") for name in ("stdout", "stderr"))
        return Ended(code, *texts, int(points.read_text()) if points.is_file() else None)

    def end(self) -> Ended:
        """How it ended; after `PATIENCE` it is killed."""
        done = self.wait()
        if done is None:
            self.signal(signal.SIGKILL)
            done = self.wait()
            assert done is not None
            raise AssertionError(f"did not end within {PATIENCE} s: {done.stderr[-2000:]}")
        return done


class Commands:
    """A fork server. Each has a hash seed of its own: what depends on the order of a set shows.

    Args:
        logs: a folder for the commands' output.
        hash_seed: of the interpreter.
        patches: name of a value in a module → what it is in the commands.
    """

    def __init__(self, logs: Path, hash_seed: int, patches: Mapping[str, object]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "PYTHONHASHSEED": str(hash_seed),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        environment |= {
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        self._logs, self._patches = logs, dict(patches)
        self._numbers = itertools.count()
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.threads = -1

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request, one answer; the first waits until everything is imported."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self.threads < 0:
            self.threads = json.loads(self._process.stdout.readline())["threads"]
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def start(
        self,
        words: Sequence[object],
        root: Path,
        at: int | None = None,
        number: int = signal.SIGKILL,
        env: Mapping[str, str] | None = None,
        group: int = 0,
    ) -> Running:
        """Start `drama WORDS`.

        Args:
            words: the command line.
            root: points are changes of files below this folder.
            at: the point at which the signal comes; None only counts.
            number: the signal.
            env: added to the environment.
            group: the process group to join; 0 makes a new one.
        """
        log = self._logs / str(next(self._numbers))
        log.mkdir()
        request = {
            "words": [*map(str, words)], "cwd": str(self._logs), "env": dict(env or {}), "log": str(log),
            "root": str(root), "at": at, "signal": int(number), "group": group, "patches": self._patches,
        }  # fmt: skip
        return Running(self, self.ask({"start": request})["pid"], log)

    def run(self, words: Sequence[object], root: Path, **named: Any) -> Ended:
        """Start a command and wait until it has ended."""
        return self.start(words, root, **named).end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
