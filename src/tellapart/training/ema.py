"""EMA: the exponential moving average of a network's weights, which predicts better than the last weights (Polyak & Juditsky 1992)."""

from __future__ import annotations

from copy import deepcopy

import torch

from tellapart.training.learner import Learner


class MovingAverage:
    """Exponential moving average (EMA) of parameters and running statistics; the decay is smaller in the first steps.

    Args:
        network: the network whose weights are averaged.
        decay: weight of the old average, once warmed up.
    """

    def __init__(self, network: Learner, decay: float) -> None:
        self.network = deepcopy(network)
        self.network.requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: Learner, step: int) -> None:
        """Update the average with the network's weights after training step ``step`` (1, 2, ...)."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for mean, value in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)
