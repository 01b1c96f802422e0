"""Learning the masks: the LM loss under sampled masks plus the constraint, masks and weights together."""

from typing import Any

import torch

from drama.compute import World, autocast, unshard_model
from drama.console import note
from drama.prune.families import Family
from drama.prune.learn.losses import held_out_loss, losses
from drama.prune.learn.updates import Learner, update
from drama.prune.methods.shearing.constraint import Kind, kinds, penalty, ramp
from drama.prune.methods.shearing.hard_concrete import (
    LOG_ALPHA_BOUNDS,
    probability_of_zero,
    sample,
    without_noise,
)
from drama.prune.methods.shearing.settings import ShearingSettings
from drama.prune.methods.task import Task
from drama.prune.scores import Scores
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.masked_forward import masked
from drama.prune.surgery.masks import Masks, all_kept, fold


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
    """Trains the parent's weights, log α of every mask, and λ₁ and λ₂ of every kind of part."""

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
        trained: dict[str, Any] = {"requires_grad": True, "device": self.device}
        self.log_alpha = {
            name: torch.full((kind.rows, kind.parts), LOG_ALPHA_BOUNDS[1], **trained)
            for name, kind in self.kinds.items()
        }
        self.multipliers = {name: torch.zeros(2, **trained) for name in self.kinds}
        self.optimise(self.log_alpha.values(), settings.mask_learning_rate)
        self.optimise(self.multipliers.values(), settings.multiplier_learning_rate, maximize=True)

    def backward(self, rows_BL: torch.Tensor, step: int) -> dict[str, Any]:
        """Gradients of the LM loss under a draw of the masks, and of the constraint."""
        lm_loss = 0.0
        for part_BL, share in self.world.micro_batches(rows_BL, self.settings.micro_batch):
            with masked(self.family, self.draw(step)) as model:
                with autocast(self.settings.precision, self.device):
                    loss, _ = losses(model, model, part_BL, kl_weight=0.0)
                # Inside the block: recomputed layers need the masks too.
                (loss * share).backward()  # type: ignore[no-untyped-call]
            lm_loss += loss.item() * share
        self.world.sum_gradients([*self.family.model.parameters(), *self.log_alpha.values()])
        lm_loss = self.world.all_sum({"lm": lm_loss})["lm"]
        reached = ramp(step, self.settings.steps, self.settings.ramp)
        constraint = torch.zeros((), device=self.device)
        sparsity, wanted = {}, {}
        for name, kind in self.kinds.items():
            sparsity_R = probability_of_zero(self.log_alpha[name]).mean(dim=1)
            sparsity[name] = round(sparsity_R.mean().item(), 4)
            wanted[name] = round(reached * kind.sparsity, 4)
            constraint = constraint + penalty(sparsity_R, reached * kind.sparsity, self.multipliers[name])
        constraint.backward()  # type: ignore[no-untyped-call]
        return {
            "loss": round(lm_loss + constraint.item(), 6),
            "lm_loss": round(lm_loss, 6),
            "sparsity": sparsity,
            "wanted_sparsity": wanted,
            "multipliers": {n: [round(v, 4) for v in m.tolist()] for n, m in self.multipliers.items()},
        }

    def lm_loss(self, rows_RL: torch.Tensor, step: int) -> float:
        """Under the step's draw of the masks."""
        with torch.no_grad(), masked(self.family, self.draw(step)) as model:
            return held_out_loss(model, rows_RL)

    def draw(self, step: int) -> Masks:
        """The masks of a step, which depend on (log α, seed, step) only."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        return self.masks(lambda log_alpha: sample(log_alpha, generator))

    def step(self, share: float) -> float:
        """Update everything, and keep log α within its bounds."""
        norm = super().step(share)
        with torch.no_grad():
            for log_alpha in self.log_alpha.values():
                log_alpha.clamp_(*LOG_ALPHA_BOUNDS)
        return norm

    def masks(self, value: Any) -> Masks:
        """`value` of every log α, in the parent's shape; ones where nothing is learnt."""
        ones = {name: tensor.to(self.device) for name, tensor in all_kept(self.parent)._asdict().items()}
        for name, log_alpha in self.log_alpha.items():
            field = next(f for f in ones if f.rpartition("_")[0] == name)
            ones[field] = value(log_alpha).reshape(ones[field].shape)
        return Masks(**ones)

    def extra_state(self) -> dict[str, torch.Tensor]:
        """log α and λ by their kind."""
        learnt = {"log_alpha": self.log_alpha, "multipliers": self.multipliers}
        return {f"{name}.{kind}": own[kind] for name, own in learnt.items() for kind in self.kinds}
