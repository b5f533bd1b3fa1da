"""Which epoch of a training is kept: the last that its held-out images cannot tell apart from the best one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tellapart.array_types import FloatArray


class EpochChoice:
    """The best epoch so far, and whether another may be kept in its place.

    An epoch is kept if its mean loss is lower than that of the best so far, or higher by no more than one standard
    error of the paired difference: choosing the luckiest among equals would flatter it. The reference is always the
    best, never the last that was kept, so a slow decline is not followed. The start of a training, where it is a
    candidate, gives way only to a lower loss: what trained without a gain is not worth keeping.

    Args:
        mean: the mean of a number over all processes that train together.
        losses: of the best so far, one a held-out image (n,); empty before anything was offered.
        is_start: whether these are the losses of the start.
    """

    def __init__(self, mean: Callable[[float], float] = float, losses: FloatArray | None = None, *, is_start: bool = False) -> None:
        self.mean = mean
        self.losses = np.empty(0) if losses is None else losses
        self.is_start = is_start

    def start(self, losses: FloatArray) -> None:
        """The training begins with these losses (n,); where they are no numbers, the first epoch is the first candidate."""
        if np.isfinite(losses).all():
            self.losses, self.is_start = losses, True

    def is_kept(self, losses: FloatArray) -> bool:
        """Whether an epoch with these losses (n,) is kept; every one is where nothing is held out."""
        if not len(losses) or not len(self.losses):
            self.losses = losses
            return True
        difference = losses - self.losses
        error = self.mean(float(difference.std()) / math.sqrt(len(difference)))
        gap = self.mean(float(difference.mean()))
        if gap < 0:
            self.losses, self.is_start = losses, False
        return gap < 0 or (gap <= error and not self.is_start)
