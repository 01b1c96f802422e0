"""What becomes of the files of an input: what is left out is counted by reason, and listed by name."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from drama.console import note
from drama.errors import DramaError
from drama.files import atomic_file
from drama.files.reading import legible

UNKNOWN = ", which no reader knows"
"""Ends the reason of a file whose kind has no reader."""
_NAMED = 6


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


def in_words(reasons: Mapping[str, int]) -> str:
    """Reasons with their counts, the most frequent by name; kinds of files without a reader together.

    >>> in_words({"empty": 2, ".jpg files, which no reader knows": 3, ".bin files, which no reader knows": 1})
    '4 files that no reader knows (3 .jpg, 1 .bin), 2 empty'
    """
    unknown = Counter(
        {kind.removesuffix(UNKNOWN): n for kind, n in reasons.items() if kind.endswith(UNKNOWN)}
    )
    others = Counter({reason: n for reason, n in reasons.items() if not reason.endswith(UNKNOWN)})
    kinds = [f"{n:,} {kind.removesuffix(' files')}" for kind, n in unknown.most_common(_NAMED)]
    if len(unknown) > _NAMED:
        kinds.append(f"{len(unknown) - _NAMED} other kinds")
    told = [f"{unknown.total():,} files that no reader knows ({', '.join(kinds)})"] if unknown else []
    told += [f"{n:,} {reason}" for reason, n in others.most_common(_NAMED)]
    if len(others) > _NAMED:
        told.append(f"{len(others) - _NAMED} other reasons")
    return ", ".join(told)


@contextmanager
def listing(path: Path, who: str) -> Iterator[Callable[[str, str, str], None]]:
    """Lists what is left out, in a file that is there only if something was; `who` says how much it was."""
    reasons: Counter[str] = Counter()
    with atomic_file(path) as place, place.open("w", encoding="utf-8") as file:
        file.write("name\treason\tdetail\n")

        def listed(name: str, reason: str, detail: str) -> None:
            reasons[reason] += 1
            file.write("\t".join(" ".join(legible(cell).split()) for cell in (name, reason, detail)) + "\n")

        yield listed
    if not reasons:
        path.unlink()
        return
    note(f"{who}: left out: {in_words(reasons)}; listed in {path}")
