"""Several processes, one batch: the same masks, loss and gradients as one process with the whole batch.

Every process holds the model, whole or in part, and draws the same batch and masks; each computes its own
rows, and the gradients are summed. The first process scores, slices, measures and writes; the others wait for
its files, so all of them must see one folder.

Legend: B rows of a batch, L tokens.
"""

import torch

from drama import processes


class World(processes.World):
    """This process among the others, and its rows of a batch."""

    def pieces(self, rows_BL: torch.Tensor, most: int | None) -> list[tuple[torch.Tensor, float]]:
        """This process's rows of a batch, at most so many at once, and their share of the batch.

        >>> [(rows.tolist(), share) for rows, share in World(1, 2).pieces(torch.arange(8), most=3)]
        [([1, 3, 5], 0.375), ([7], 0.125)]
        """
        own_BL = rows_BL[self.rank :: self.size]
        pieces = torch.split(own_BL, most or len(own_BL))
        return [(piece_BL, len(piece_BL) / len(rows_BL)) for piece_BL in pieces]
