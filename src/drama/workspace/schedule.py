"""The learning-rate schedule of all our training loops."""


def schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate at a step (from 0): linear up, then linear down to almost 0.

    >>> [round(schedule(s, 10, 0.2), 2) for s in (0, 1, 2, 9)]
    [0.5, 1.0, 1.0, 0.12]
    """
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return (steps - step) / max(1, steps - rise)
