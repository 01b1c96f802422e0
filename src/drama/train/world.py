"""Several processes, one batch: the same loss and gradients as one process with the whole batch.

Every process draws the same batch. Each encodes its share of the texts, all exchange the vectors, each
computes the same loss over all of them and carries back the gradient of its own texts; the parameters'
gradients are then summed. So negatives reach across processes, and no gradient is lost or counted twice.

Legend: T texts, D dimensions.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist

from drama import processes


class World(processes.World):
    """This process among the others, and its share of the texts."""

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
