"""Learning the masks: the LM loss under draws of the masks, masks and weights together, on the constraint."""

from collections.abc import Sequence
from typing import Any

import torch

from drama.compute import World, autocast, unshard_model
from drama.console import note
from drama.prune.families import Family
from drama.prune.learn.losses import held_out_loss, losses
from drama.prune.learn.updates import Learner, update
from drama.prune.methods.shearing.constraint import (
    Kind,
    along_constraint,
    expected_sparsity,
    held,
    kinds,
    ramp,
)
from drama.prune.methods.shearing.hard_concrete import LOG_ALPHA_BOUNDS, sample, without_noise
from drama.prune.methods.shearing.settings import ShearingSettings
from drama.prune.methods.task import Task
from drama.prune.scores import Scores
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.masked_forward import masked
from drama.prune.surgery.masks import Masks, all_kept, fold, stacked


def learnt_masks(family: Family, task: Task) -> Scores:
    """Train the parent under masks, in place, and fold the final masks into its weights."""
    note(f"prune: learning masks over {task.shearing.steps} steps")
    learner = MaskLearner(family, task.target, task.shearing, task.seed, task.world, task.shard)
    update(learner, task.mixture, task.log, task.seed)
    family.model = unshard_model(family.model)
    masks = learner.masks(without_noise)
    fold(family, masks)
    return Scores(*(mask.detach().cpu() for mask in masks))


class MaskLearner(Learner):
    """Trains the parent's weights and log α of every mask.

    Each row of a batch has a draw of its own, so a step's gradient is a mean over draws.
    """

    settings: ShearingSettings
    name = "shearing"
    hint = "lower prune.shearing.learning_rate or mask_learning_rate"

    def __init__(
        self,
        family: Family,
        target: Shape,
        settings: ShearingSettings,
        seed: int,
        world: World | None = None,
        shard: bool = False,
    ) -> None:
        super().__init__(family.model, settings, world, shard)
        self.family, self.seed = family, seed
        self.device = family.model.device
        self.parent = parent_shape(family.config)
        self.kinds: dict[str, Kind] = kinds(self.parent, target)
        self.next_step = 0
        self.log_alpha = {
            name: torch.full(
                (kind.rows, kind.parts), LOG_ALPHA_BOUNDS[1], requires_grad=True, device=self.device
            )
            for name, kind in self.kinds.items()
        }
        self.optimise(self.log_alpha.values(), settings.mask_learning_rate)

    def backward(self, rows_BL: torch.Tensor, step: int) -> dict[str, Any]:
        """Gradients of the LM loss under the draws of the step; those of log α along the constraint."""
        lm_loss, most = 0.0, self.settings.micro_batch
        numbers = self.world.micro_batches(torch.arange(len(rows_BL)), most)
        parts = self.world.micro_batches(rows_BL, most)
        for (part_BL, share), (numbers_B, _) in zip(parts, numbers, strict=True):
            with masked(self.family, self.draws(step, numbers_B.tolist())) as model:
                with autocast(self.settings.precision, self.device):
                    loss, _ = losses(model, model, part_BL, kl_weight=0.0)
                # Inside the block: recomputed layers need the masks too.
                (loss * share).backward()  # type: ignore[no-untyped-call]
            lm_loss += loss.item() * share
        self.world.sum_gradients([*self.family.model.parameters(), *self.log_alpha.values()])
        lm_loss = self.world.all_sum({"lm": lm_loss})["lm"]
        sparsity, wanted = {}, {}
        with torch.no_grad():
            for name, log_alpha in self.log_alpha.items():
                assert log_alpha.grad is not None
                log_alpha.grad = along_constraint(log_alpha.grad, log_alpha)
                sparsity[name] = round(expected_sparsity(log_alpha).mean().item(), 4)
                wanted[name] = round(self.wanted(name, step), 4)
        self.next_step = step + 1
        return {
            "loss": round(lm_loss, 6),
            "lm_loss": round(lm_loss, 6),
            "sparsity": sparsity,
            "wanted_sparsity": wanted,
        }

    def wanted(self, name: str, step: int) -> float:
        """Expected sparsity of a kind's masks at a step."""
        return ramp(step, self.settings.steps, self.settings.ramp) * self.kinds[name].sparsity

    def lm_loss(self, rows_RL: torch.Tensor, step: int) -> float:
        """Under one draw of the masks for all rows."""
        with torch.no_grad(), masked(self.family, self.draw(step, 0)) as model:
            return held_out_loss(model, rows_RL)

    def draws(self, step: int, rows: Sequence[int]) -> Masks:
        """A draw for each of these rows of the batch."""
        return stacked([self.draw(step, row) for row in rows])

    def draw(self, step: int, row: int) -> Masks:
        """The masks of a row of the batch, which depend on (log α, seed, step, row) only."""
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + step) * 1_000_003 + row)
        return self.masks(lambda log_alpha: sample(log_alpha, generator))

    def step(self, share: float) -> float:
        """Update everything, and hold the masks to the sparsity of the next step."""
        norm = super().step(share)
        with torch.no_grad():
            for name, log_alpha in self.log_alpha.items():
                log_alpha.copy_(held(log_alpha, self.wanted(name, self.next_step)))
        return norm

    def masks(self, value: Any) -> Masks:
        """`value` of every log α, in the parent's shape; ones where nothing is learnt."""
        ones = {name: tensor.to(self.device) for name, tensor in all_kept(self.parent)._asdict().items()}
        for name, log_alpha in self.log_alpha.items():
            field = next(f for f in ones if f.rpartition("_")[0] == name)
            ones[field] = value(log_alpha).reshape(ones[field].shape)
        return Masks(**ones)

    def extra_state(self) -> dict[str, torch.Tensor]:
        """log α by its kind."""
        return {f"log_alpha.{name}": log_alpha for name, log_alpha in self.log_alpha.items()}
