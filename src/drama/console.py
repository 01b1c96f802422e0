"""What people see while they wait: one console on stderr, notes, and progress bars with an ETA.

Results go to stdout (so that `--json` can be piped); everything here goes to stderr. Texts and names may be
anybody's: what would control a terminal is shown, not sent.
"""

import re
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

console = Console(stderr=True, highlight=False, emoji=False)

_EVERY = 30.0
"""Seconds between two lines about a long task, where there is no terminal."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, separators, changes of the writing direction, half characters."""


def printable(text: str) -> str:
    """A text whose control characters are written out, so that no terminal obeys them.

    >>> print(printable("a\\x1b[31mred"))
    a\\x1b[31mred
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """`printable` on a single line.

    >>> one_line("two\\n  lines")
    'two lines'
    """
    return printable(" ".join(text.split()))


def note(message: str) -> None:
    """Print one line of information (stderr). Only a terminal breaks it: in a log it stays one line."""
    console.print(printable(message), markup=False, soft_wrap=not console.is_terminal)


def warn(message: str) -> None:
    """Print a warning (stderr), as `note` does."""
    text = printable(f"warning: {message}")
    console.print(text, style="yellow", markup=False, soft_wrap=not console.is_terminal)


class Bar(Protocol):
    """A progress bar."""

    def advance(self, n: float = 1, text: str | None = None) -> None:
        """Move the bar by n; `text` replaces the text after it."""


@contextmanager
def progress(title: str, total: float | None) -> Iterator[Bar]:
    """A progress bar with elapsed and remaining time.

    If stderr is not a terminal (CI, a log file), a line every half minute and one at the end take its place.
    """
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    task = bar.add_task(one_line(title), total=total, text="")

    class _Bar:
        def __init__(self) -> None:
            self._said = time.monotonic()

        def advance(self, n: float = 1, text: str | None = None) -> None:
            bar.advance(task, n)
            if text is not None:
                bar.update(task, text=text)
            if not console.is_terminal and time.monotonic() - self._said >= _EVERY:
                self._said = time.monotonic()
                note(_line(title, bar.tasks[0]))

    with bar:
        yield _Bar()
    done = bar.tasks[0]
    note(f"{title}: {int(done.completed)} in {done.elapsed or 0:.1f} s {done.fields['text']}".rstrip())


def _line(title: str, task: Task) -> str:
    """How far a task is, and how much time is left at the average speed so far."""
    done, took = task.completed, task.elapsed or 0.0
    of, left = "", ""
    if task.total:
        of = f" of {int(task.total):,}"
        left = f", {duration(took / done * (task.total - done))} left" if done else ""
    after = f", {task.fields['text']}" if task.fields["text"] else ""
    return f"{title}: {int(done):,}{of} in {duration(took)}{left}{after}"


def duration(seconds: float) -> str:
    """Seconds up to two minutes, then minutes, then hours.

    >>> duration(90), duration(600), duration(9000)
    ('90 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def track(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` and show a progress bar."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress(title, total) as bar:
        for item in items:
            yield item
            bar.advance()
