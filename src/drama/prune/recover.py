"""Recovery: continued training of the child with the LM loss and the KL to its parent (method: 2.2).

Both losses need logits over the whole vocabulary; they are made for a few hundred tokens at a time, so
that memory does not grow with batch × vocabulary.

Legend: B rows, L tokens, T = B·(L−1) predicted tokens, D hidden, V vocabulary.
"""

import math
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from drama.console import progress
from drama.errors import DramaError
from drama.prune.settings import RecoverySettings
from drama.workspace import EventLog
from drama.workspace.checkpoint import load_checkpoint, load_optimisers, optimiser_tensors, save_checkpoint
from drama.workspace.schedule import schedule

_CHUNK = 256


def recover(
    child: Any, parent: Any, rows_RL: torch.Tensor, settings: RecoverySettings, folder: Path, seed: int
) -> int:
    """Train the child in place; resumes from `folder/checkpoints`. Returns the tokens trained on.

    Raises:
        DramaError: the loss is not a number any more.
    """
    optimiser = torch.optim.AdamW(
        child.parameters(), lr=settings.learning_rate, betas=(0.9, 0.95), weight_decay=0.0
    )
    start = 0
    found = load_checkpoint(folder / "checkpoints")
    if found is not None:
        start, tensors = found
        child.load_state_dict(
            {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}, strict=False
        )
        load_optimisers([optimiser], tensors)
    log = EventLog(folder / "events.jsonl", after=start)
    child.train()
    with progress("recover", settings.steps) as bar:
        bar.advance(start)
        for step in range(start, settings.steps):
            begin = time.monotonic()
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            picked = torch.randint(len(rows_RL), (settings.batch_size,), generator=generator)
            loss, parts = losses(child, parent, rows_RL[picked], settings.kl_weight)
            if not math.isfinite(loss.item()):
                raise DramaError(
                    f"prune: the recovery loss is {loss.item()} at step {step + 1}",
                    hint="lower prune.recovery.learning_rate",
                )
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(child.parameters(), 1.0)
            share = schedule(step, settings.steps, settings.warmup)
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * share
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            log.write(
                {
                    "step": step + 1,
                    "loss": round(loss.item(), 6),
                    **parts,
                    "learning_rate": settings.learning_rate * share,
                    "gradient_norm": round(float(norm), 4),
                    "tokens": settings.batch_size * rows_RL.shape[1],
                    "seconds": round(time.monotonic() - begin, 3),
                }
            )
            bar.advance(1, f"loss {loss.item():.3f}")
            if (step + 1) % settings.checkpoint_every == 0 and step + 1 < settings.steps:
                state = {f"model.{k}": v for k, v in child.state_dict().items()}
                save_checkpoint(folder / "checkpoints", step + 1, state | optimiser_tensors([optimiser]))
    log.close()
    child.eval()
    return settings.steps * settings.batch_size * int(rows_RL.shape[1])


def losses(
    child: Any, parent: Any, rows_BL: torch.Tensor, kl_weight: float
) -> tuple[torch.Tensor, dict[str, float]]:
    """(weighted loss with gradient, its parts as numbers)."""
    states_TD = child.model(input_ids=rows_BL, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
    targets_T = rows_BL[:, 1:].flatten()
    parent_TD = None
    if kl_weight > 0:
        with torch.no_grad():
            parent_TD = parent.model(input_ids=rows_BL, use_cache=False).last_hidden_state
            parent_TD = parent_TD[:, :-1].flatten(0, 1)
    lm = states_TD.new_zeros(())
    kl = states_TD.new_zeros(())
    for start in range(0, len(targets_T), _CHUNK):
        part = slice(start, start + _CHUNK)
        own = None if parent_TD is None else parent_TD[part]
        each = checkpoint(
            _chunk_losses, child, parent, states_TD[part], targets_T[part], own, use_reentrant=False
        )
        lm, kl = lm + each[0], kl + each[1]
    lm, kl = lm / len(targets_T), kl / len(targets_T)
    total = (1 - kl_weight) * lm + kl_weight * kl
    return total, {"lm_loss": round(lm.item(), 6), "kl": round(kl.item(), 6)}


def _chunk_losses(
    child: Any,
    parent: Any,
    states_TD: torch.Tensor,
    targets_T: torch.Tensor,
    parent_TD: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums over a few tokens; the logits are made again in the backward pass instead of being kept."""
    logits_TV = _logits(child, states_TD)
    lm = F.cross_entropy(logits_TV, targets_T, reduction="sum")
    if parent_TD is None:
        return lm, lm.new_zeros(())
    with torch.no_grad():
        parent_TV = F.log_softmax(_logits(parent, parent_TD), dim=-1)
    kl = F.kl_div(F.log_softmax(logits_TV, dim=-1), parent_TV, reduction="sum", log_target=True)
    return lm, kl


def _logits(model: Any, states_TD: torch.Tensor) -> torch.Tensor:
    """[T, V], soft-capped where the config says so (some Gemmas)."""
    logits_TV: torch.Tensor = model.lm_head(states_TD).float()
    cap = getattr(model.config, "final_logit_softcapping", None)
    return logits_TV if cap is None else cap * torch.tanh(logits_TV / cap)


@torch.inference_mode()
def held_out_loss(model: Any, rows_RL: torch.Tensor) -> float:
    """Mean LM loss a token (natural log) over held-out rows."""
    total = 0.0
    for row in torch.split(rows_RL, 4):
        total += losses(model, model, row, kl_weight=0.0)[0].item() * len(row)
    return total / len(rows_RL)
