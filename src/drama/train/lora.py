"""LoRA: low-rank factors next to the linear layers are trained instead of these, and merged at the end.

Source: Hu et al. 2021, "LoRA: low-rank adaptation of large language models"; the layers are peft's.
"""

from typing import Any

import torch

from drama.errors import DramaError, MissingExtraError
from drama.train.settings import LoraSettings


def add_factors(backbone: Any, settings: LoraSettings, seed: int) -> None:
    """Add factors to the target layers and freeze everything else; does nothing where there are some.

    Raises:
        MissingExtraError: peft is not installed.
        DramaError: no layer has such a name.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingExtraError("peft", "lora") from None
    if hasattr(backbone, "peft_config"):
        return
    config = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, target_modules=settings.targets or "all-linear"
    )
    torch.manual_seed(seed)
    try:
        inject_adapter_in_model(config, backbone)
    except ValueError as error:
        names = sorted(
            {n.rsplit(".", 1)[-1] for n, m in backbone.named_modules() if isinstance(m, torch.nn.Linear)}
        )
        raise DramaError(
            f"train.lora.targets: {settings.targets} name no layers ({error})",
            hint=f"the backbone's linear layers: {', '.join(names)}",
        ) from None


def merge_factors(backbone: Any) -> None:
    """Add the factors' products to their layers and remove the factors."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(backbone.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            backbone.set_submodule(name, module.get_base_layer())
    del backbone.peft_config
