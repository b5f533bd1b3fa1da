"""Early stopping and the choice of an epoch: the last one that is not significantly worse than the best on held-out images."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tellapart.array_types import FloatArray


class EpochChoice:
    """The best epoch so far, and whether a later one replaces it.

    An epoch is kept if its mean loss is lower than that of the best so far, or higher by no more than one standard
    error of the paired difference: picking the minimum among equals would be optimistic. The reference is always the
    best epoch, not the last one kept, so a slow decline is not followed. The initial weights, where they are a
    candidate, are replaced only by a lower loss.

    Args:
        mean: averages a number over all distributed processes.
        losses: of the best so far, one per held-out image, float64 (n,); empty at first.
        is_start: whether these are the losses of the initial weights.
    """

    def __init__(self, mean: Callable[[float], float] = float, losses: FloatArray | None = None, *, is_start: bool = False) -> None:
        self.mean = mean
        self.losses = np.empty(0) if losses is None else losses
        self.is_start = is_start

    def start(self, losses: FloatArray) -> None:
        """Set the losses of the initial weights, float64 (n,); if they are not finite, the first epoch is the first candidate."""
        if np.isfinite(losses).all():
            self.losses, self.is_start = losses, True

    def is_kept(self, losses: FloatArray) -> bool:
        """Whether an epoch with these losses float64 (n,) is kept; always true where nothing is held out or the best is not a number."""
        if not len(losses) or not len(self.losses) or not np.isfinite(self.losses).all():
            self.losses = losses
            return True
        difference = losses - self.losses
        error = self.mean(float(difference.std()) / math.sqrt(len(difference)))
        gap = self.mean(float(difference.mean()))
        if gap < 0:
            self.losses, self.is_start = losses, False
        return gap < 0 or (gap <= error and not self.is_start)


def is_out_of_patience(epoch: int, kept_epoch: int, patience: int) -> bool:
    """Whether to stop early: ``patience`` epochs have passed since the one that is kept."""
    return epoch - kept_epoch >= patience
