"""This process among those that torchrun started. It sets RANK and WORLD_SIZE; without it, there is one.

Legend: M rows sent, D dimensions.
"""

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Self

import torch
import torch.distributed as dist
import torch.distributed.nn

from drama.console import console
from drama.models import default_device
from drama.processes.shards import is_split

_PATIENCE = timedelta(hours=12)
"""How long the others wait while the first process does something by itself."""


class World:
    """This process among the others. All of them must make the same calls in the same order."""

    def __init__(self, rank: int = 0, size: int = 1, joined: bool = False) -> None:
        self.rank = rank
        self.size = size
        self._joined = joined

    @classmethod
    def join(cls) -> Self:
        """Join the processes that torchrun started; alone where it did not.

        `torch.distributed.nn` must have been imported before: its functions take the group there is at that
        moment as a default and never let it go. Gloo's threads then outlive `leave`, and where one still
        holds a tensor as Python exits, the process ends with SIGABRT.
        """
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

    def told(self, values: list[float]) -> list[float]:
        """The first process's values, of which the others must give as many."""
        if self.size == 1:
            return values
        said = torch.tensor(values, device=default_device(), dtype=torch.float64)
        dist.broadcast(said, 0)
        found: list[float] = said.tolist()
        return found

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
            if not parameter.requires_grad:
                continue
            if parameter.grad is None:
                raise RuntimeError("a trained parameter got no gradient on one process")
            if is_split(parameter):
                parameter.grad.mul_(self.size)  # FSDP leaves the mean
            elif parameter.grad.is_sparse:
                parameter.grad = self._sum_sparse(parameter.grad.coalesce())
            else:
                dist.all_reduce(parameter.grad)

    def _sum_sparse(self, gradient: torch.Tensor) -> torch.Tensor:
        """Sum of row-sparse gradients, by exchanging rows: backends differ in what they can reduce."""
        count = torch.tensor([gradient.values().shape[0]], device=gradient.device)
        counts = [torch.empty_like(count) for _ in range(self.size)]
        dist.all_gather(counts, count)
        most = max(int(c) for c in counts)
        index_M = gradient.indices().new_zeros(most)
        value_MD = gradient.values().new_zeros(most, gradient.shape[1])
        index_M[: int(count)] = gradient.indices()[0]
        value_MD[: int(count)] = gradient.values()
        indices = [torch.empty_like(index_M) for _ in range(self.size)]
        values = [torch.empty_like(value_MD) for _ in range(self.size)]
        dist.all_gather(indices, index_M)
        dist.all_gather(values, value_MD)
        kept = list(zip(indices, values, counts, strict=True))
        return torch.sparse_coo_tensor(
            torch.cat([i[: int(c)] for i, _, c in kept]).unsqueeze(0),
            torch.cat([v[: int(c)] for _, v, c in kept]),
            gradient.shape,
        ).coalesce()

    def leave(self) -> None:
        """The last message has been sent. A group of processes that was there before `join` stays.

        What is split still knows the group after it ends (DTensor caches its mesh), so gloo's threads may
        live on; the collection gives them the time to let go of the last tensors.
        """
        if self._joined:
            dist.destroy_process_group()
            gc.collect()
