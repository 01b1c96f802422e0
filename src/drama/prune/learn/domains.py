"""Languages (or corpora) as domains: their rows, their losses, and the mixture that batches are drawn from.

Dynamic batch loading (Sheared LLaMA; method: 2.1): every few steps a domain's share is multiplied by
exp(Δ). Δ is the model's loss on the domain's held-out rows minus the parent's, at least 0. So the domains
that pruning hurt most are read most. Where a child can't reach the parent, one domain would end with all
batches; so a share has a cap, and what is to be reached can be given.

Legend: K domains, B rows of a batch, R rows, L tokens.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch

from drama.compute import default_device
from drama.console import progress
from drama.errors import DramaError
from drama.files.checksums import read_sealed_json, write_sealed_json
from drama.prune.learn.losses import held_out_loss
from drama.prune.learn.order import shuffled
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
    with progress("prune: held-out loss, rows", sum(len(d.held_out_RL) for d in domains)) as bar:
        found = {}
        for domain in domains:
            found[domain.name] = held_out_loss(model, domain.held_out_RL)
            bar.advance(len(domain.held_out_RL))
    return found


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


def reference_losses(
    parent: Mapping[str, float], domains: Sequence[Domain], settings: DomainSettings
) -> dict[str, float]:
    """The loss that each domain is to reach: the one given, or the parent's, scaled.

    Raises:
        DramaError: one is given for a domain that is not read.
    """
    names = [domain.name for domain in domains]
    _check_names("references", settings.references, names)
    return {name: settings.references.get(name, settings.reference_scale * parent[name]) for name in names}


class Mixture:
    """Which domains the next batch is drawn from, and which of their rows: each row of a domain once before
    any comes again.

    Args:
        domains: at least one.
        settings: the first shares and their cap.
        references: the loss to be reached on the `probes` of each domain.
        seed: of the order of each domain's rows.

    Raises:
        DramaError: first shares that name other domains than those that are read.
    """

    def __init__(
        self,
        domains: Sequence[Domain],
        settings: DomainSettings,
        references: Mapping[str, float],
        seed: int = 0,
    ) -> None:
        self.domains, self.seed = domains, seed
        self.probes = {d.name: d.held_out_RL[: settings.held_out_rows] for d in domains}
        self.references = references
        self.shares_K = _first_shares(domains, settings)
        self.largest_K = self.shares_K.clamp(min=settings.largest_share)
        self.drawn_K = torch.zeros(len(domains), dtype=torch.int64)

    @property
    def length(self) -> int:
        """Tokens of a row."""
        return int(self.domains[0].rows_RL.shape[1])

    def batch(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """[B, L]: for each row a domain is drawn by the shares, then its next row is taken."""
        chosen_B = [0] * size
        if len(self.domains) > 1:
            drawn_B = torch.multinomial(self.shares_K, size, replacement=True, generator=generator)
            chosen_B = drawn_B.tolist()
        return torch.stack([self._next_row(k) for k in chosen_B]).long()

    def _next_row(self, domain: int) -> torch.Tensor:
        rows_RL = self.domains[domain].rows_RL
        place = int(self.drawn_K[domain])
        self.drawn_K[domain] += 1
        return rows_RL[shuffled(place, len(rows_RL), (self.seed, domain))]

    def due(self, step: int, every: int) -> bool:
        """Whether shares that change every so many steps change after this one (from 0)."""
        return len(self.domains) > 1 and every > 0 and (step + 1) % every == 0

    def update(self, losses: Mapping[str, float]) -> None:
        """Raise the shares of the domains whose loss is above what is to be reached."""
        excess_K = torch.tensor(
            [max(0.0, losses[d.name] - self.references[d.name]) for d in self.domains], dtype=torch.float64
        )
        shares_K = self.shares_K * torch.exp(excess_K - excess_K.max())  # the same shares, no overflow
        shares_K /= shares_K.sum()
        shares_K = (1 - _SMOOTHING) * shares_K + _SMOOTHING / len(self.domains)
        self.shares_K = _capped(shares_K, self.largest_K)

    def shares(self) -> dict[str, float]:
        """By domain, for the log."""
        names = [d.name for d in self.domains]
        return {name: round(share, 4) for name, share in zip(names, self.shares_K.tolist(), strict=True)}

    def state(self) -> dict[str, torch.Tensor]:
        """What changes from step to step."""
        return {"domain_shares": self.shares_K, "domain_drawn": self.drawn_K}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state` returned."""
        self.shares_K, self.drawn_K = state["domain_shares"].clone(), state["domain_drawn"].clone()


def _first_shares(domains: Sequence[Domain], settings: DomainSettings) -> torch.Tensor:
    given = settings.start
    if isinstance(given, dict):
        names = [domain.name for domain in domains]
        _check_names("start", given, names)
        if missing := [name for name in names if name not in given]:
            raise DramaError(
                f"prune.domains.start: no share for {', '.join(missing)}",
                hint="give a share to each domain that is read",
            )
        counts = [given[name] for name in names]
    else:
        counts = [len(domain.rows_RL) if given == "data" else 1.0 for domain in domains]
    shares_K = torch.tensor(counts, dtype=torch.float64)
    return shares_K / shares_K.sum()


def _check_names(key: str, given: Mapping[str, float], names: Sequence[str]) -> None:
    for name in given:
        if name not in names:
            raise DramaError(
                f"prune.domains.{key}: '{name}' is not among the domains that are read",
                hint=f"there are: {', '.join(names)}",
            )


def _capped(shares_K: torch.Tensor, largest_K: torch.Tensor) -> torch.Tensor:
    """The shares without what is above the caps, which the other domains get in proportion.

    >>> _capped(torch.tensor([0.8, 0.15, 0.05]), torch.tensor([0.5, 0.3, 0.3])).round(decimals=3).tolist()
    [0.5, 0.30000001192092896, 0.20000000298023224]
    """
    full_K = torch.zeros_like(shares_K, dtype=torch.bool)
    while bool((above_K := ~full_K & (shares_K > largest_K)).any()):
        full_K |= above_K
        left = 1 - largest_K[full_K].sum()
        if full_K.all() or left <= 0:
            return largest_K / largest_K.sum()
        shares_K = torch.where(full_K, largest_K, shares_K * left / shares_K[~full_K].sum())
    return shares_K
