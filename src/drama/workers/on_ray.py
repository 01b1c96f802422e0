"""Ray Data: a dataset of items, mapped by a pool of actors. An actor that dies is replaced, and the items it
was working on are redone."""

import logging
import pickle
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from drama.errors import DramaError, MissingExtraError
from drama.workers.work import RaySettings

_AT_ONCE = 4096
"""Items of one dataset, each its own block; the next dataset is read when these are done."""


class _Worker:
    """The actor, which makes its function when it starts."""

    def __init__(self, made_of: Any) -> None:
        import ray

        self._work: Any = None
        self._failure: Any = None
        try:
            self._work = ray.get(made_of)()
        except DramaError as error:  # returned for each item: a restart would not help
            self._failure = error

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._work is None:
                raise self._failure
            result = self._work(pickle.loads(row["item"]))
        except DramaError as error:
            result = DramaError(error.message, error.hint)
        return {"at": row["at"], "result": pickle.dumps(result)}


def on_ray(make: Any, items: Iterable[Any], settings: RaySettings) -> Iterator[Any]:
    """See `work_through`."""
    source = iter(items)
    chunk = list(islice(source, _AT_ONCE))
    if not chunk:
        return
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError("ray", "ray") from None

    logging.getLogger("ray").setLevel(logging.WARNING)
    if not ray.is_initialized():
        ray.init(address=settings.address, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    made_of = ray.put(make)  # once in the cluster's memory, however many actors read it
    while chunk:
        yield from _dataset(made_of, chunk, settings)
        chunk = list(islice(source, _AT_ONCE))


def _dataset(made_of: Any, items: list[Any], settings: RaySettings) -> Iterator[Any]:
    import ray.data

    rows = [{"at": at, "item": pickle.dumps(item)} for at, item in enumerate(items)]
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        _Worker,
        fn_constructor_args=(made_of,),
        compute=ray.data.ActorPoolStrategy(size=min(settings.actors, len(rows))),
        num_cpus=settings.cpus,
        num_gpus=settings.gpus,
    )
    early: dict[int, bytes] = {}
    following = 0
    for row in dataset.iter_rows():
        early[row["at"]] = row["result"]
        while following in early:
            result = pickle.loads(early.pop(following))
            if isinstance(result, DramaError):
                raise result
            yield result
            following += 1
