"""What becomes of the files of an input: what is left out is counted by reason, and listed by name."""

from collections.abc import Callable

from drama.errors import DramaError


def ignore(*_: object) -> None:
    """Take no note of anything."""


class Tally:
    """Counts and lists what is left out.

    >>> from collections import Counter
    >>> counts, listed = Counter(), []
    >>> tally = Tally(lambda outcome: counts.update([outcome]), lambda *row: listed.append(row))
    >>> tally.leave_out("notes/cat.jpg", "binary")
    >>> counts, listed
    (Counter({'binary, left out': 1}), [('notes/cat.jpg', 'binary', '')])

    Args:
        count: called with the name of each outcome.
        listed: called with name, reason and detail of each thing that is left out.
        strict: stop at the first file that can't be read.
    """

    def __init__(
        self,
        count: Callable[[str], object] = ignore,
        listed: Callable[[str, str, str], object] = ignore,
        strict: bool = False,
    ) -> None:
        self.count = count
        self._listed = listed
        self._strict = strict

    def inside(self, before: str) -> "Tally":
        """The same, for names that are listed with `before` in front of them."""
        return Tally(self.count, lambda name, *about: self._listed(before + name, *about), self._strict)

    def leave_out(self, name: str, reason: str, detail: str = "") -> None:
        """Take note of a file that can't be read.

        Raises:
            DramaError: it stops what is read strictly.
        """
        if self._strict:
            about = f"{reason} ({detail})" if detail else reason
            raise DramaError(f"{name}: {about}", hint="move it elsewhere, or read without --strict")
        self.pass_over(name, reason, detail)

    def pass_over(self, name: str, reason: str, detail: str = "") -> None:
        """Take note of what is left out rightly, such as a duplicate; strict or not."""
        self.count(f"{reason}, left out")
        self._listed(name, reason, detail)
