"""Items through a function that is expensive to make: a model's, an index's."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from drama.workers.settings import RaySettings

Item = TypeVar("Item")
Result = TypeVar("Result")
Make = Callable[[], Callable[[Item], Result]]


def work_through(
    make: Make[Item, Result], items: Iterable[Item], ray: RaySettings | None = None
) -> Iterator[Result]:
    """Yield the result of each item, in their order.

    Args:
        make: makes the function; in each actor once, or here.
        items: what it is called with, taken as they are needed; an item is what a dead actor's successor
            does again.
        ray: None is this process.

    Raises:
        DramaError: whatever `make` or the function raises.
        MissingExtraError: Ray is asked for and not installed.

    >>> list(work_through(lambda: str.upper, ["a", "b"]))
    ['A', 'B']
    """
    if ray is not None:
        from drama.workers.on_ray import on_ray

        yield from on_ray(make, items, ray)
        return
    work: Callable[[Item], Result] | None = None
    for item in items:
        work = work or make()
        yield work(item)
