"""Learning-rate schedule: one-cycle with cosine warm-up and annealing to 0 (Smith & Topin 2018)."""

from __future__ import annotations

import math

WARM_UP = 0.25
START = 0.04


def one_cycle(step: int, steps: int) -> float:
    """Learning rate at ``step`` (0 ... steps - 1) as a share of its peak."""
    top = max(1, round(WARM_UP * steps))
    if step < top:
        return START + (1 - START) * 0.5 * (1 - math.cos(math.pi * step / top))
    return 0.5 * (1 + math.cos(math.pi * (step - top + 1) / (steps - top + 1)))
