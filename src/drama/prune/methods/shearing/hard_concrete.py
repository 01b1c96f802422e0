"""The hard-concrete distribution (Louizos et al., arXiv 1712.01312; method: 2.1): a soft 0/1 with a gradient.

A stretched and clipped sigmoid of noise: exactly 0 or exactly 1 most of the time, otherwise in between.
"""

import math

import torch

_LOW, _HIGH, _TEMPERATURE, _EPSILON = -0.1, 1.1, 2 / 3, 1e-6
_ZERO = -_LOW / (_HIGH - _LOW)
_SHARPNESS = 0.8
LOG_ALPHA_BOUNDS = (math.log(0.01), math.log(100))
"""log α is clamped to these, so that no mask is ever stuck."""


def sample(log_alpha: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One draw of each mask, in [0, 1], with a gradient to log α where it is neither 0 nor 1."""
    noise = _EPSILON + (1 - 2 * _EPSILON) * torch.rand(log_alpha.shape, generator=generator)
    soft = torch.sigmoid((torch.logit(noise).to(log_alpha.device) + log_alpha) / _TEMPERATURE)
    return (soft * (_HIGH - _LOW) + _LOW).clamp(0.0, 1.0)


def probability_of_zero(log_alpha: torch.Tensor) -> torch.Tensor:
    """How likely a draw is 0.

    >>> probability_of_zero(torch.tensor([4.6, 0.0, -4.6])).round(decimals=3).tolist()
    [0.0020000000949949026, 0.1679999977350235, 0.953000009059906]
    """
    return torch.sigmoid(_TEMPERATURE * math.log(_ZERO / (1 - _ZERO)) - log_alpha)


def without_noise(log_alpha: torch.Tensor) -> torch.Tensor:
    """The factor that is folded into a part's weights at the end, in (0, 1)."""
    return torch.sigmoid(_SHARPNESS * log_alpha / _TEMPERATURE)
