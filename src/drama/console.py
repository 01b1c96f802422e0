"""What people see while they wait: one console on stderr, notes, and progress bars with an ETA.

Results go to stdout (so that `--json` can be piped); everything here goes to stderr.
"""

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

console = Console(stderr=True, highlight=False)


def note(message: str) -> None:
    """Print one line of information (stderr)."""
    console.print(message, markup=False)


def warn(message: str) -> None:
    """Print a warning (stderr)."""
    console.print(f"warning: {message}", style="yellow", markup=False)


class Bar(Protocol):
    """A progress bar."""

    def advance(self, n: float = 1, text: str | None = None) -> None:
        """Move the bar by n; `text` replaces the text after it."""


@contextmanager
def progress(title: str, total: float | None) -> Iterator[Bar]:
    """A progress bar with elapsed and remaining time.

    If stderr is not a terminal (CI, a log file), a line at the end takes its place.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    task = bar.add_task(title, total=total, text="")

    class _Bar:
        def advance(self, n: float = 1, text: str | None = None) -> None:
            bar.advance(task, n)
            if text is not None:
                bar.update(task, text=text)

    with bar:
        yield _Bar()
    done = bar.tasks[0]
    note(f"{title}: {int(done.completed)} in {done.elapsed or 0:.1f} s {done.fields['text']}".rstrip())


def track(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` and show a progress bar."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress(title, total) as bar:
        for item in items:
            yield item
            bar.advance()
