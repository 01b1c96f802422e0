"""This process among those that torchrun started. It sets RANK and WORLD_SIZE; without it, there is one.

Several processes work on one batch and get the loss and gradients that one process would get with all of it.
Every process draws the same batch; each computes its share, gradients are summed. For contrastive losses each
encodes its share of the texts and `gather`s the vectors of all, so negatives reach across processes and no
gradient is lost or counted twice. The main process writes; the others wait for its files, so all of them must
see one folder.

Legend: B rows of a batch, L tokens, T texts, N those of one process, D dimensions.
"""

import gc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Self

import torch
import torch.distributed as dist
import torch.distributed.nn

from drama.compute.device import default_device
from drama.compute.shards import is_sharded
from drama.console import console

_TIMEOUT = timedelta(hours=12)
"""How long the others wait while the main process does something by itself."""


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
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
        console.quiet = dist.get_rank() > 0
        return cls(dist.get_rank(), size, first)

    @property
    def is_main(self) -> bool:
        """Whether this is the first process, which writes."""
        return self.rank == 0

    def broadcast(self, values: list[float]) -> list[float]:
        """The main process's values; the others must pass the same number."""
        if self.size == 1:
            return values
        sent = torch.tensor(values, device=default_device(), dtype=torch.float64)
        dist.broadcast(sent, 0)
        found: list[float] = sent.tolist()
        return found

    def broadcast_flag(self, value: bool) -> bool:
        """The main process's flag; the others wait for it."""
        return bool(self.broadcast([float(value)])[0])

    def barrier(self) -> None:
        """Wait until the main process has come this far."""
        self.broadcast_flag(True)

    @contextmanager
    def main_process_first(self) -> Iterator[None]:
        """The main process runs the block, then the others, which find its files."""
        if not self.is_main:
            self.barrier()
        yield
        if self.is_main:
            self.barrier()

    def all_sum(self, values: Mapping[str, float]) -> dict[str, float]:
        """The sums over all processes, by name."""
        if self.size == 1:
            return dict(values)
        sums = torch.tensor(list(values.values()), device=default_device(), dtype=torch.float64)
        dist.all_reduce(sums)
        return dict(zip(values, sums.tolist(), strict=True))

    def sum_gradients(self, parameters: Iterable[torch.Tensor]) -> None:
        """Sum the gradients of all processes; every process has the same afterwards."""
        if self.size == 1:
            return
        for parameter in parameters:
            if not parameter.requires_grad:
                continue
            if parameter.grad is None:
                raise RuntimeError("a trained parameter got no gradient on one process")
            if is_sharded(parameter):
                parameter.grad.mul_(self.size)  # FSDP leaves the mean
            elif parameter.grad.is_sparse:
                parameter.grad = self._sum_sparse(parameter.grad.coalesce())
            else:
                dist.all_reduce(parameter.grad)

    def _sum_sparse(self, gradient: torch.Tensor) -> torch.Tensor:
        """Sum of row-sparse gradients, by exchanging rows: backends differ in what they can reduce."""
        count = torch.tensor([len(gradient.values())], device=gradient.device)
        sizes = [int(each) for each in self._all_gather(count, [1] * self.size)]
        indices = torch.cat(self._all_gather(gradient.indices()[0], sizes))
        values = torch.cat(self._all_gather(gradient.values(), sizes))
        return torch.sparse_coo_tensor(indices.unsqueeze(0), values, gradient.shape).coalesce()

    def _all_gather(self, own: torch.Tensor, sizes: Sequence[int]) -> list[torch.Tensor]:
        """The tensors of all processes, which may differ in their number of rows, `sizes`."""
        sent = own.new_zeros(max(sizes), *own.shape[1:])
        sent[: len(own)] = own
        received = [torch.empty_like(sent) for _ in sizes]
        dist.all_gather(received, sent)
        return [each[:size] for each, size in zip(received, sizes, strict=True)]

    def micro_batches(self, rows_BL: torch.Tensor, most: int | None) -> list[tuple[torch.Tensor, float]]:
        """This process's rows of a batch, at most `most` at once, and each part's share of the batch.

        >>> [(rows.tolist(), share) for rows, share in World(1, 2).micro_batches(torch.arange(8), most=3)]
        [([1, 3, 5], 0.375), ([7], 0.125)]
        """
        own_BL = rows_BL[self.rank :: self.size]
        parts = torch.split(own_BL, most or len(own_BL))
        return [(part_BL, len(part_BL) / len(rows_BL)) for part_BL in parts]

    def share(self, lengths: Sequence[int]) -> list[list[int]]:
        """The texts that each process encodes, balanced by their numbers of tokens.

        >>> World(size=2).share([9, 1, 8, 3])
        [[0, 1], [2, 3]]
        """
        rows: list[list[int]] = [[] for _ in range(self.size)]
        load = [0] * self.size
        for row in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
            least = load.index(min(load))
            rows[least].append(row)
            load[least] += lengths[row]
        return [sorted(each) for each in rows]

    def gather(self, own_ND: torch.Tensor, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """The vectors [T, D] of all processes, in the order of the texts; gradients flow to our own."""
        if self.size == 1:
            return own_ND
        parts = self._all_gather(own_ND.detach(), [len(each) for each in rows])
        parts[self.rank] = own_ND
        back_T = torch.argsort(torch.tensor([row for each in rows for row in each], device=own_ND.device))
        return torch.cat(parts)[back_T]

    def leave(self) -> None:
        """Leave the group of processes that `join` started; one that existed before it stays.

        Sharded layers still hold the group after it ends (DTensor caches its mesh), so gloo's threads may
        live on; garbage collection gives them the time to release the last tensors.
        """
        if self._joined:
            dist.destroy_process_group()
            gc.collect()
