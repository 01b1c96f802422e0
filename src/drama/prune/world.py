"""Several processes, one batch: the same masks, loss and gradients as one process with the whole batch.

Every process holds the model, whole or in part (`shards`), and draws the same batch and masks; each computes
its own rows, and the gradients are summed. The first process scores, slices, measures and writes; the others
wait for its files, so all of them must see one folder.

Started by torchrun, which sets RANK and WORLD_SIZE; without it, there is one process.

Legend: B rows of a batch, L tokens.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from drama.console import console
from drama.models import default_device
from drama.prune.shards import is_split

_PATIENCE = timedelta(hours=12)
"""How long the others wait while the first process scores and slices."""


class World:
    """This process among the others."""

    def __init__(self, rank: int = 0, size: int = 1, joined: bool = False) -> None:
        self.rank = rank
        self.size = size
        self._joined = joined

    @classmethod
    def join(cls) -> "World":
        """Join the processes that torchrun started; alone where it did not."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        first = not dist.is_initialized()
        if first:
            device = default_device()
            if device.type == "cuda":
                torch.cuda.set_device(device)
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
        console.quiet = dist.get_rank() > 0
        return cls(dist.get_rank(), size, first)

    @property
    def writes(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def agree(self, value: bool) -> bool:
        """What the first process says; the others wait for it."""
        return bool(self.told([float(value)])[0])

    def wait(self) -> None:
        """Until the first process has come this far."""
        self.agree(True)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """The first process goes through the block, then the others, who find its files."""
        if not self.writes:
            self.wait()
        yield
        if self.writes:
            self.wait()

    def told(self, values: list[float]) -> list[float]:
        """The first process's values, of which the others must give as many."""
        if self.size == 1:
            return values
        said = torch.tensor(values, device=default_device(), dtype=torch.float64)
        dist.broadcast(said, 0)
        found: list[float] = said.tolist()
        return found

    def pieces(self, rows_BL: torch.Tensor, most: int | None) -> list[tuple[torch.Tensor, float]]:
        """This process's rows of a batch, at most so many at once, and their share of the batch.

        >>> [(rows.tolist(), share) for rows, share in World(1, 2).pieces(torch.arange(8), most=3)]
        [([1, 3, 5], 0.375), ([7], 0.125)]
        """
        own_BL = rows_BL[self.rank :: self.size]
        pieces = torch.split(own_BL, most or len(own_BL))
        return [(piece_BL, len(piece_BL) / len(rows_BL)) for piece_BL in pieces]

    def add_up(self, values: Mapping[str, float]) -> dict[str, float]:
        """The sums over all processes, by name."""
        if self.size == 1:
            return dict(values)
        sums = torch.tensor(list(values.values()), device=default_device(), dtype=torch.float64)
        dist.all_reduce(sums)
        return dict(zip(values, sums.tolist(), strict=True))

    def sum_gradients(self, parameters: Iterable[torch.Tensor]) -> None:
        """Add up the gradients of all processes; every process has the same afterwards."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                raise RuntimeError("a trained parameter got no gradient on one process")
            if is_split(parameter):
                parameter.grad.mul_(self.size)  # FSDP leaves the mean
            else:
                dist.all_reduce(parameter.grad)

    def leave(self) -> None:
        """The last message has been sent. A group that was there before `join` stays."""
        if self._joined:
            dist.destroy_process_group()
