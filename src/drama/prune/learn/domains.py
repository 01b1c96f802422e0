"""Languages (or corpora) as domains: their rows, their losses, and the mixture that batches are drawn from.

Dynamic batch loading (Sheared LLaMA; method: 2.1): every few steps a domain's share is multiplied by
exp(Δ). Δ is the model's loss on the domain's held-out rows minus the parent's, at least 0. So the domains
that pruning hurt most are read most.

Legend: K domains, B rows of a batch, R rows, L tokens.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch

from drama.checksums import read_sealed_json, write_sealed_json
from drama.compute import default_device
from drama.prune.learn.losses import held_out_loss
from drama.prune.learn.settings import DomainSettings
from drama.prune.load import load_causal_lm

_SMOOTHING = 1e-4


class Domain(NamedTuple):
    """Packed rows of one language or corpus."""

    name: str
    rows_RL: torch.Tensor
    held_out_RL: torch.Tensor
    texts: int = 0


class ParentLosses(NamedTuple):
    """The parent's loss on each domain."""

    held_out: dict[str, float]
    """On all held-out rows."""
    probes: dict[str, float]
    """On the rows that are measured when shares are updated."""

    @classmethod
    def measured(cls, parent: Path, domains: Sequence[Domain], settings: DomainSettings, out: Path) -> Self:
        """Measured once, and kept in a file for a run that resumes."""
        path = out / "references.json"
        if not path.is_file():
            model = load_causal_lm(parent).to(default_device())
            probes = [d._replace(held_out_RL=d.held_out_RL[: settings.held_out_rows]) for d in domains]
            own = cls(held_out_losses(model, domains), held_out_losses(model, probes))
            write_sealed_json(path, own._asdict())
        return cls(**read_sealed_json(path, hint="remove it and run the same command again"))


def held_out_losses(model: Any, domains: Sequence[Domain]) -> dict[str, float]:
    """Mean LM loss a token over the held-out rows, domain by domain."""
    return {domain.name: held_out_loss(model, domain.held_out_RL) for domain in domains}


def mean_loss(losses: Mapping[str, float], domains: Sequence[Domain]) -> float:
    """Mean over the held-out rows of all domains; every row counts the same."""
    rows = {domain.name: len(domain.held_out_RL) for domain in domains}
    return sum(losses[name] * count for name, count in rows.items()) / sum(rows.values())


def perplexities(losses: Mapping[str, float]) -> dict[str, float]:
    """Losses as perplexities.

    >>> perplexities({"de": 0.0, "fi": 2.0})
    {'de': 1.0, 'fi': 7.389}
    """
    return {name: round(math.exp(min(loss, 50.0)), 3) for name, loss in losses.items()}


class Mixture:
    """Which domains the next batch is drawn from.

    Args:
        domains: at least one.
        settings: the first shares and how often they change.
        references: the parent's loss on the `probes` of each domain.
    """

    def __init__(
        self, domains: Sequence[Domain], settings: DomainSettings, references: Mapping[str, float]
    ) -> None:
        self.domains = domains
        self.every = settings.update_every if len(domains) > 1 else 0
        self.probes = {d.name: d.held_out_RL[: settings.held_out_rows] for d in domains}
        self.references = references
        rows_K = torch.tensor([len(d.rows_RL) for d in domains], dtype=torch.float64)
        self.shares_K = rows_K / rows_K.sum() if settings.start == "data" else torch.ones_like(rows_K)
        self.shares_K /= self.shares_K.sum()

    @property
    def length(self) -> int:
        """Tokens of a row."""
        return int(self.domains[0].rows_RL.shape[1])

    def batch(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """[B, L]: for each row a domain is drawn by the shares, then one of its rows."""
        if len(self.domains) == 1:
            rows_RL = self.domains[0].rows_RL
            return rows_RL[torch.randint(len(rows_RL), (size,), generator=generator)].long()
        chosen_B = torch.multinomial(self.shares_K, size, replacement=True, generator=generator).tolist()
        place_B = torch.rand(size, generator=generator, dtype=torch.float64).tolist()
        rows = [self.domains[k].rows_RL for k in chosen_B]
        return torch.stack([own[int(at * len(own))] for own, at in zip(rows, place_B, strict=True)]).long()

    def due(self, step: int) -> bool:
        """Whether the shares change after this step (from 0)."""
        return self.every > 0 and (step + 1) % self.every == 0

    def update(self, losses: Mapping[str, float]) -> None:
        """Raise the shares of the domains whose loss is above the parent's."""
        excess_K = torch.tensor(
            [max(0.0, losses[d.name] - self.references[d.name]) for d in self.domains], dtype=torch.float64
        )
        shares_K = self.shares_K * torch.exp(excess_K - excess_K.max())  # the same shares, no overflow
        shares_K /= shares_K.sum()
        self.shares_K = (1 - _SMOOTHING) * shares_K + _SMOOTHING / len(self.domains)

    def shares(self) -> dict[str, float]:
        """By domain, for the log."""
        names = [d.name for d in self.domains]
        return {name: round(share, 4) for name, share in zip(names, self.shares_K.tolist(), strict=True)}
