"""Maps items through a function that is expensive to make: a model's, an index's."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pydantic import Field

from drama.settings import Section

Item = TypeVar("Item")
Result = TypeVar("Result")
Make = Callable[[], Callable[[Item], Result]]


class RaySettings(Section):
    """Actors of a Ray cluster (the extra `ray`)."""

    address: str | None = None
    """Address of the cluster; none: RAY_ADDRESS, else a cluster of this machine alone."""
    actors: int = Field(default=2, ge=1)
    """Number of actors."""
    cpus: float = Field(default=1.0, ge=0.0)
    """CPUs of each actor."""
    gpus: float = Field(default=0.0, ge=0.0)
    """GPUs of each actor."""


def work_through(
    make: Make[Item, Result], items: Iterable[Item], ray: RaySettings | None = None
) -> Iterator[Result]:
    """Yield the result of each item, in the items' order.

    Args:
        make: makes the function, once in each actor, or here.
        items: its arguments, taken as they are needed. Where an actor dies, its items are redone.
        ray: None is this process.

    Raises:
        DramaError: whatever `make` or the function raises.
        MissingExtraError: Ray is requested and not installed.

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
