"""Several processes, one batch: the same loss and gradients as one process with the whole batch.

Every process draws the same batch. Each encodes its share of the texts, all exchange the vectors, each
computes the same loss over all of them and carries back the gradient of its own texts; the parameters'
gradients are then summed. So negatives reach across processes, and no gradient is lost or counted twice.

Started by torchrun, which sets RANK and WORLD_SIZE; without it, there is one process.

Legend: T texts, D dimensions.
"""

import os
from collections.abc import Iterable, Sequence

import torch
import torch.distributed as dist

from drama.console import console
from drama.models import default_device
from drama.train.shards import is_split


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
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        console.quiet = dist.get_rank() > 0
        return cls(dist.get_rank(), size, first)

    def agree(self, value: bool) -> bool:
        """What the first process says."""
        if self.size == 1:
            return value
        said = torch.tensor([int(value)], device=default_device())
        dist.broadcast(said, 0)
        return bool(said.item())

    def share(self, lengths: Sequence[int]) -> list[list[int]]:
        """Rows of each process, with about as many tokens each.

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
        most = max(map(len, rows))
        sent_MD = own_ND.new_zeros(most, own_ND.shape[1])
        sent_MD[: len(own_ND)] = own_ND.detach()
        got = [torch.empty_like(sent_MD) for _ in rows]
        dist.all_gather(got, sent_MD)
        parts = [got[r][: len(each)] for r, each in enumerate(rows)]
        parts[self.rank] = own_ND
        back_T = torch.argsort(torch.tensor([row for each in rows for row in each], device=own_ND.device))
        return torch.cat(parts)[back_T]

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
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
        """The last message has been sent. A group of processes that was there before `join` stays."""
        if self._joined:
            dist.destroy_process_group()
