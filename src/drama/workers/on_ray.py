"""Ray Data: a dataset of items, mapped by a pool of actors. An actor that dies is replaced, and what it had
in work is done again."""

import logging
import pickle
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from drama.errors import DramaError, MissingExtraError
from drama.workers.settings import RaySettings

_AT_ONCE = 4096
"""Items of one dataset, each a block of its own; further ones wait where they come from."""


class _Worker:
    """The actor: its function is made when it starts."""

    def __init__(self, made_of: Any) -> None:
        import ray

        self._work, self._failure = None, None
        try:
            self._work = ray.get(made_of)()
        except DramaError as error:  # a mistake that starting again would not mend
            self._failure = error

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._failure is not None:
                raise self._failure
            assert self._work is not None
            result = self._work(pickle.loads(row["item"]))
        except DramaError as error:
            result = DramaError(error.message, error.hint)
        return {"at": row["at"], "result": pickle.dumps(result)}


def on_ray(make: Any, items: Iterable[Any], settings: RaySettings) -> Iterator[Any]:
    """See `work_through`."""
    source = iter(items)
    some = list(islice(source, _AT_ONCE))
    if not some:
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
    while some:
        yield from _dataset(made_of, some, settings)
        some = list(islice(source, _AT_ONCE))


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
