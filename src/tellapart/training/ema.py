"""The moving average of a network's weights, which judges better than the last weights do (Polyak & Juditsky 1992)."""

from __future__ import annotations

from copy import deepcopy

import torch

from tellapart.training.learner import Learner


class MovingAverage:
    """An exponential moving average of parameters and statistics; young averages forget faster.

    Args:
        network: what is averaged.
        decay: weight of the old average in the long run.
    """

    def __init__(self, network: Learner, decay: float) -> None:
        self.network = deepcopy(network)
        self.network.requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: Learner, step: int) -> None:
        """Take in the network's state after its ``step``-th step (1, 2, ...)."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for mean, value in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)
