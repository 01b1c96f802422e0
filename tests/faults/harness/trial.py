"""A trial disturbs one run of a stage, runs the same command again, and judges what is then in its folder."""

import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from harness.command import Commands, Ended
from harness.damage import choose, flip, tear
from harness.disks import disk
from harness.llm import TROUBLES, ChatServer
from harness.outputs import differences, outputs
from harness.stages import Stage, World

SURVIVED, REFUSED, WRONG = "survived", "refused", "wrong"
LOG = "events.jsonl"
_IN_FLIGHT = 6
"""Prompts that a killed run may have asked without keeping the answer: two requests at once, as many again
that wait in order, and a batch of two."""


class Verdict(NamedTuple):
    """How a trial ended; `why` says what is wrong."""

    kind: str
    why: str = ""


class Undisturbed(NamedTuple):
    """A run to compare with."""

    outputs: dict[str, str]
    points: int
    seconds: float
    kib: int


@dataclass
class Trials:
    """Disturbs stages. The first run of a trial and the last have different hash seeds."""

    world: World
    first: Commands
    last: Commands
    chat: ChatServer
    root: Path
    known: dict[str, Undisturbed] = field(default_factory=dict)
    said: str = ""
    """The messages of the last run that was judged."""

    def undisturbed(self, stage: Stage) -> Undisturbed:
        """Run a stage once; the result is remembered."""
        if stage.name not in self.known:
            out = self.clean(stage)
            begin = time.monotonic()
            done = self.run(self.first, stage)
            seconds = time.monotonic() - begin
            assert done.code == 0, f"{stage.name}, undisturbed: {done.stderr}"
            assert done.points
            size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
            self.known[stage.name] = Undisturbed(outputs(out), done.points, seconds, size // 1024 + 1)
        return self.known[stage.name]

    def out(self, stage: Stage) -> Path:
        """The folder that the stage fills: always the same, as its path may be part of the results."""
        return self.root / stage.name / "disk/out"

    def clean(self, stage: Stage) -> Path:
        """Begin anew."""
        out = self.out(stage)
        shutil.rmtree(out, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        stage.prepare(out)
        self.chat.restart([])
        return out

    def run(
        self, commands: Commands, stage: Stage, at: int | None = None, number: int = signal.SIGKILL
    ) -> Ended:
        """Run the stage's command, with a signal at a point."""
        out = self.out(stage)
        return commands.run(stage.words(out), out, at=at, number=number, env=stage.env(out))

    def judge(self, stage: Stage, kills: int = 0) -> Verdict:
        """Run the command to its end, and compare."""
        out = self.out(stage)
        newest = _newest_checkpoint(out)
        done = self.run(self.last, stage)
        self.said = done.stderr
        if "Traceback" in done.stderr:
            return Verdict(WRONG, f"a traceback: {_last_lines(done)}")
        if done.code == 2:
            return Verdict(REFUSED, _last_lines(done))
        if done.code != 0:
            return Verdict(WRONG, f"exit status {done.code}: {_last_lines(done)}")
        found = differences(self.known[stage.name].outputs, outputs(out))
        if found:
            return Verdict(WRONG, "; ".join(found))
        if newest and f"after step {newest}" not in done.stderr and stage.name == "train":
            return Verdict(WRONG, f"the checkpoint of step {newest} was not used")
        if stage.server and not self.chat.troubles:
            again = self.chat.asked.total() - len(self.chat.asked)
            if again > kills * _IN_FLIGHT:
                return Verdict(WRONG, f"{again} prompts were asked again after {kills} kills")
        return Verdict(SURVIVED)

    # --- faults: each takes the stage and a source of chance ---

    def kill(self, stage: Stage, draw: random.Random) -> Verdict:
        """`kill -9` of the process group at a file operation, and often of the runs that resume."""
        whole = self.undisturbed(stage)
        self.clean(stage)
        kills = 0
        for _ in range(draw.choice((1, 1, 2, 4))):
            done = self.run(self.first, stage, at=draw.randint(1, whole.points))
            kills += done.code == -signal.SIGKILL
        return self.judge(stage, kills)

    def kill_at_a_time(self, stage: Stage, draw: random.Random) -> Verdict:
        """`kill -9` of the process group at any moment."""
        whole = self.undisturbed(stage)
        out = self.clean(stage)
        running = self.first.start(stage.words(out), out, env=stage.env(out))
        if running.wait(whole.seconds * draw.random()) is None:
            running.signal(signal.SIGKILL)
            running.end()
        return self.judge(stage, 1)

    def term(self, stage: Stage, draw: random.Random) -> Verdict:
        """SIGTERM at a file operation."""
        self.clean(stage)
        done = self.run(self.first, stage, draw.randint(1, self.undisturbed(stage).points), signal.SIGTERM)
        if done.code not in (0, -signal.SIGTERM, 128 + signal.SIGTERM, 130):
            return Verdict(WRONG, f"exit status {done.code} after SIGTERM: {_last_lines(done)}")
        return self.judge(stage, 1)

    def interrupt(self, stage: Stage, draw: random.Random) -> Verdict:
        """Ctrl-C at a file operation: a message, and no traceback."""
        whole = self.undisturbed(stage)
        self.clean(stage)
        done = self.run(self.first, stage, draw.randint(1, whole.points), signal.SIGINT)
        if done.code not in (0, 130) or "Traceback" in done.stderr:
            return Verdict(WRONG, f"exit status {done.code} after Ctrl-C: {_last_lines(done)}")
        return self.judge(stage, 1)

    def full(self, stage: Stage, draw: random.Random) -> Verdict:
        """A disk that is too small: refused with the reason; with room, it goes on."""
        whole = self.undisturbed(stage)
        spare = draw.randint(0, whole.kib)
        with disk(self.out(stage).parent, 2 * whole.kib + 8192) as place:
            while True:
                self.clean(stage)
                place.resize(max(4, place.used() + spare))
                done = self.run(self.first, stage)
                if done.code != 0 or spare == 0:
                    break
                spare //= 2
                place.resize(2 * whole.kib + 8192)
            place.resize(2 * whole.kib + 8192)
            if (wrong := _refusal(done, "no space left|write failed")) is not None:
                return Verdict(WRONG, f"{spare} KiB free: {wrong}")
            return self.judge(stage, 1)

    def read_only(self, stage: Stage, draw: random.Random) -> Verdict:
        """A read-only folder, empty or after a kill: refused with the reason; once writable, it goes on."""
        whole = self.undisturbed(stage)
        with disk(self.out(stage).parent, 4 * whole.kib + 8192) as place:
            self.clean(stage)
            kills = 0
            if draw.random() < 0.5:
                kills = self.run(self.first, stage, draw.randint(1, whole.points)).code == -signal.SIGKILL
            place.read_only()
            done = self.run(self.first, stage)
            place.writable()
            if (wrong := _refusal(done, "read-only")) is not None:
                return Verdict(WRONG, wrong)
            return self.judge(stage, kills)

    def torn(self, stage: Stage, draw: random.Random) -> Verdict:
        """A kill, and the end of one file missing, as after a power cut: made again, or refused by name."""
        return self._damaged(stage, draw, tear)

    def flipped(self, stage: Stage, draw: random.Random) -> Verdict:
        """A kill, and one bit of one file flipped: made again, or refused by name."""
        return self._damaged(stage, draw, flip)

    def _damaged(
        self, stage: Stage, draw: random.Random, how: Callable[[Path, random.Random], str]
    ) -> Verdict:
        whole = self.undisturbed(stage)
        out = self.clean(stage)
        self.run(self.first, stage, draw.randint(1, whole.points))
        file = choose(out, draw) if out.exists() else None
        if file is None:
            return self.judge(stage, 1)
        done = how(file, draw)
        found = self.judge(stage, _IN_FLIGHT)  # answers that are lost may be asked for again
        names = (file.name, file.parent.name, file.parent.parent.name)
        if found.kind == REFUSED and not any(name in found.why.replace("\n", "") for name in names):
            return Verdict(WRONG, f"{done}: {found.why}, which does not name it")
        reports = tuple(f"{name} differs" for name in (LOG, "manifest.json"))
        only_reports = all(why.endswith(reports) for why in found.why.split("; "))
        if file.name == LOG and only_reports and LOG in self.said:
            return Verdict(SURVIVED)  # a log of what was, with a warning of what it lacks
        return found if found.kind == SURVIVED else Verdict(found.kind, f"{done}: {found.why}")

    def twice(self, stage: Stage, draw: random.Random) -> Verdict:
        """Two at once in one folder: one of them ends well, the other too or it is refused."""
        whole = self.undisturbed(stage)
        out = self.clean(stage)
        one = self.first.start(stage.words(out), out, env=stage.env(out))
        time.sleep(whole.seconds * draw.random() * 0.5)
        two = self.last.start(stage.words(out), out, env=stage.env(out))
        ended = [one.end(), two.end()]
        for done in ended:
            if done.code not in (0, 2) or "Traceback" in done.stderr:
                return Verdict(WRONG, f"two at once: exit status {done.code}: {_last_lines(done)}")
        if all(done.code for done in ended):
            return Verdict(WRONG, f"two at once: both were refused: {_last_lines(ended[0])}")
        return self.judge(stage, 100)

    def server(self, stage: Stage, draw: random.Random) -> Verdict:
        """A server with 429, 500, cut and slow answers, garbage and closed connections, and a kill."""
        whole = self.undisturbed(stage)
        self.clean(stage)
        self.chat.restart(draw.sample(TROUBLES, draw.randint(1, 3)), draw.randrange(1000))
        if draw.random() < 0.5:
            self.run(self.first, stage, draw.randint(1, whole.points))
        return self.judge(stage, 1)


FAULTS = (
    "kill", "kill_at_a_time", "term", "interrupt", "full", "read_only", "torn", "flipped", "twice", "server",
)  # fmt: skip
"""Methods of `Trials`."""
STAGES = (
    "corpus", "prune", "augment", "augment-server", "train", "encode", "evaluate", "index", "run", "pull",
)  # fmt: skip
"""Names of stages."""
MOUNTS = ("full", "read_only")


def _newest_checkpoint(out: Path) -> int | None:
    """The step of the newest complete checkpoint of a training that has not ended."""
    steps = [int(path.name[5:]) for path in (out / "checkpoints").glob("step-??????")]
    return None if not steps or (out / "model").exists() else max(steps)


def _refusal(done: Ended, reason: str) -> str | None:
    """What is wrong with a refusal: it must be status 2, in words, with the reason."""
    if done.code == 2 and "Traceback" not in done.stderr and re.search(reason, done.stderr, re.I):
        return None
    return f"exit status {done.code}: {_last_lines(done)}"


def _last_lines(done: Ended) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-600:]
