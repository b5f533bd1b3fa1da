"""The learning rate over a training: up, then down to nothing (Smith & Topin 2018, with half cosines)."""

from __future__ import annotations

import math

WARM_UP = 0.25
START = 0.04


def one_cycle(step: int, steps: int) -> float:
    """The share of the highest learning rate at ``step`` (0 ... steps - 1)."""
    top = max(1, round(WARM_UP * steps))
    if step < top:
        return START + (1 - START) * 0.5 * (1 - math.cos(math.pi * step / top))
    return 0.5 * (1 + math.cos(math.pi * (step - top + 1) / (steps - top + 1)))
