"""The passages of a run: packed rows by domain, and padded batches on which activations are measured.

Legend: B texts, L tokens.
"""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from drama.errors import DramaError
from drama.prune.learn.domains import Domain
from drama.prune.learn.settings import DomainSettings
from drama.prune.text.rows import domain_of, domain_rows, opening
from drama.prune.text.settings import CalibrationSettings
from drama.records import read_passages
from drama.records.sample import reservoir

Batch = tuple[torch.Tensor, torch.Tensor]
"""(tokens [B, L], mask [B, L])."""


class Domains(NamedTuple):
    """The packed corpus."""

    measured: list[Domain]
    read: list[Domain]
    """Those that are not left out of pruning."""


class Corpus:
    """The texts that scoring, mask learning, recovery and the vocabulary's cut read.

    Args:
        passages: Parquet.
        settings: how passages are split into domains, and which are left out.
        seed: of the choice of texts.
    """

    def __init__(self, passages: Path, settings: DomainSettings, seed: int) -> None:
        self.passages, self.settings, self.seed = passages, settings, seed

    def named_texts(self) -> Iterator[tuple[str, str]]:
        """(domain, text) of every passage."""
        for document in read_passages(self.passages):
            yield domain_of(document, self.settings.by), document.full_text

    def calibration(self, tokenizer: Any, settings: CalibrationSettings) -> Iterator[Batch]:
        """Batches of some texts of the domains that are read."""
        texts = (text for name, text in self.named_texts() if name not in self.settings.leave_out)
        return calibration_batches(texts, tokenizer, settings, self.seed)

    def pack(self, tokenizer: Any, length: int, folder: Path) -> tuple[Domains, dict[str, int]]:
        """Rows of `length` tokens, kept in the folder, and the texts of each domain that is too small.

        Raises:
            DramaError: too little text, a domain to be left out that isn't there, or none left to read.
        """
        by, leave_out = self.settings.by, self.settings.leave_out
        documents = read_passages(self.passages)
        measured, too_small = domain_rows(documents, tokenizer, by, length, self.seed, folder)
        names = [domain.name for domain in measured]
        for name in leave_out:
            if name not in names:
                raise DramaError(
                    f"prune.domains.leave_out: the texts have no {by} '{name}', or too little of it",
                    hint=f"there are: {', '.join(names)}",
                )
        read = [domain for domain in measured if domain.name not in leave_out]
        if not read:
            raise DramaError("prune.domains.leave_out: nothing is left to prune on", hint="leave out fewer")
        return Domains(measured, read), too_small


def calibration_batches(
    texts: Iterable[str], tokenizer: Any, settings: CalibrationSettings, seed: int
) -> Iterator[Batch]:
    """Batches of a random sample of the texts, each text after the tokenizer's opening."""
    chosen, first = reservoir(texts, settings.documents, random.Random(seed)), opening(tokenizer)
    ids = tokenizer(chosen, add_special_tokens=False)["input_ids"]
    tokens = [first + own[: settings.max_length - len(first)] for own in ids if own]
    pad = tokenizer.pad_token_id or 0
    for start in range(0, len(tokens), settings.batch_size):
        batch = tokens[start : start + settings.batch_size]
        longest = max(map(len, batch))
        rows_BL = torch.tensor([own + [pad] * (longest - len(own)) for own in batch])
        mask_BL = torch.tensor([[1] * len(own) + [0] * (longest - len(own)) for own in batch])
        yield rows_BL, mask_BL
