"""The cache of answers: few commits, kills, and files that are damaged in every way."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drama.errors import FileError
from drama.llm import Answer, AnswerCache
from drama.llm import cache as module

ANSWERS = {
    f"request {i}": Answer(f"answer {i} " + "tea " * (i % 40), "end" if i % 3 else "cut off")
    for i in range(300)
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def filled(path: Path) -> bytes:
    with AnswerCache(path) as cache:
        cache.put(ANSWERS)
    return path.read_bytes()


def test_answers_survive_closing(path: Path) -> None:
    odd = Answer("a NUL \0, a quote ', and ü", "refused")
    with AnswerCache(path) as cache:
        cache.put({"m 1": Answer("yes"), "m 2": odd})
        assert cache.get("m 2") == odd
    with AnswerCache(path) as cache:
        assert cache.get("m 1") == Answer("yes")
        assert cache.get("m 2") == odd
        assert cache.get("m 3") is None


def test_answers_are_written_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 3600.0)
    with AnswerCache(path) as cache:
        for request, answer in ANSWERS.items():
            cache.put({request: answer})
        assert cache.commits == 0
        assert cache.get("request 7") == ANSWERS["request 7"]
        cache.flush()
        assert cache.commits == 1
        # No more than a bounded number waits in memory.
        for number in range(2 * module._MOST_WAITING):
            cache.put({f"more {number}": Answer("x")})
        assert cache.commits == 3
    monkeypatch.setattr(module, "SECONDS", 0.0)
    with AnswerCache(path) as cache:
        for number in range(5):
            cache.put({f"slow {number}": Answer("x")})
        assert cache.commits == 5


def test_an_answer_is_on_disk_a_second_later_even_if_nothing_follows(path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from drama.llm import Answer, AnswerCache\n"
        "cache = AnswerCache(Path(sys.argv[1])); cache.put({'a': Answer('tea')}); print('put', flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"put\n"
        time.sleep(3)
        process.send_signal(signal.SIGKILL)
    with AnswerCache(path) as cache:
        assert cache.get("a") == Answer("tea")


def test_two_processes_may_share_a_store(path: Path) -> None:
    with AnswerCache(path) as one, AnswerCache(path) as other:
        for number in range(20):
            one.put({f"one {number}": Answer("1")})
            other.put({f"other {number}": Answer("2")})
            one.flush()
            other.flush()
        assert one.get("other 19") == Answer("2")
        assert other.get("one 19") == Answer("1")


def damaged(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, bool]:
    """Uses a damaged file as runs would. Returns how many answers the first one found, and whether it said
    so."""
    capsys.readouterr()
    kept = []
    for _ in range(3):
        with AnswerCache(path) as cache:
            found = {request: cache.get(request) for request in ANSWERS}
            assert all(answer in (None, ANSWERS[request]) for request, answer in found.items())
            cache.put({request: ANSWERS[request] for request, answer in found.items() if answer is None})
        kept.append(sum(answer is not None for answer in found.values()))
    assert kept[-1] == len(ANSWERS)  # what was lost was asked for again, and is there to stay
    return kept[0], "damaged" in capsys.readouterr().err


def test_a_flipped_bit_gives_no_wrong_answer(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = filled(path)
    rng = random.Random(5)
    named = lost_unnamed = kept_mostly = 0
    places = [*range(0, 120, 6), *(rng.randrange(len(whole)) for _ in range(50))]
    for place in places:
        data = bytearray(whole)
        data[place] ^= 1 << rng.randrange(8)
        for old in path.parent.iterdir():
            old.unlink()
        path.write_bytes(data)
        kept, said = damaged(path, capsys)
        named += said
        lost_unnamed += kept < len(ANSWERS) and not said
        kept_mostly += kept >= len(ANSWERS) * 0.8
    assert named > 20
    assert kept_mostly > 0.8 * len(places)
    # A flipped bit in a row's key makes the row unfindable, without a word: it is asked for again.
    assert lost_unnamed < 0.1 * len(places)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.5, 0.9, 0.999])
def test_a_torn_file(path: Path, share: float, capsys: pytest.CaptureFixture[str]) -> None:
    whole = filled(path)
    path.write_bytes(whole[: int(share * len(whole))])
    kept, said = damaged(path, capsys)
    assert said or share == 0.0
    if share >= 0.5:
        assert kept > 0


@pytest.mark.parametrize(
    "content", [b"not a database at all, but a text that somebody put there\n" * 40, b"SQLite format 3\0"]
)
def test_another_file_in_its_place_is_set_aside(
    path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_bytes(content)
    assert damaged(path, capsys) == (0, True)
    assert (path.parent / "answers.sqlite.damaged").read_bytes() == content


def test_a_file_of_another_version_is_set_aside(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(path) as db:
        db.execute("create table answers (request text primary key, answer text not null)")
    assert damaged(path, capsys) == (0, True)


def test_what_is_not_the_files_fault_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.mkdir()
    with pytest.raises(FileError, match="can't be used"):
        AnswerCache(path)
    path.rmdir()
    filled(path)
    monkeypatch.setattr(module, "_BUSY", 0.05)
    other = sqlite3.connect(path)
    other.execute("begin exclusive")
    with pytest.raises(FileError, match="locked"), AnswerCache(path):
        pass
    other.close()
    assert not (path.parent / "answers.sqlite.damaged").exists()
