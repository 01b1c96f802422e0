"""As many threads as there are idle cores."""

import os
from pathlib import Path

import pytest

from drama.compute import threads


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Four cores, all of them ours, and no number of threads set."""
    monkeypatch.delenv(threads.VARIABLE, raising=False)
    monkeypatch.setattr(threads, "_own_cores", lambda: {0, 1, 2, 3})
    monkeypatch.setattr(threads, "_quota", lambda folder: None)
    return monkeypatch


@pytest.mark.parametrize(("idle", "chosen"), [(3.9, None), (3.5, None), (2.9, "3"), (0.1, "1"), (None, None)])
def test_busy_cores_are_left_alone(
    machine: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], idle: float | None, chosen: str | None
) -> None:
    machine.setattr(threads, "_idle_cores", lambda: idle)
    threads.choose_threads()
    assert os.environ.get(threads.VARIABLE) == chosen
    said = capfd.readouterr().err
    assert (f"threads: {chosen}, of 4 cores other processes keep" in said) == (chosen is not None)


def test_a_container_limits_them(machine: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    machine.setattr(threads, "_quota", lambda folder: 2.5)
    machine.setattr(threads, "_idle_cores", lambda: 4.0)
    threads.choose_threads()
    assert os.environ[threads.VARIABLE] == "2"
    assert "threads: 2, of 4 cores the container allows 2.5" in capfd.readouterr().err


def test_what_is_set_stays(machine: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    machine.setenv(threads.VARIABLE, "7")
    machine.setattr(threads, "_idle_cores", lambda: 0.0)
    threads.choose_threads()
    assert os.environ[threads.VARIABLE] == "7"
    assert not capfd.readouterr().err


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_control_groups_of_both_versions(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert threads._quota(tmp_path) == quota


def test_a_busy_core_is_seen(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 10 0 0 90 5 0 0 0 0 0\ncpu1 0 0 0 100 0 0 0 0 0 0\nintr 7\n"
    )
    assert threads._times(stat) == {0: (95, 105), 1: (100, 100)}
    assert threads._times(tmp_path / "none") == {}
