"""Mixup (Zhang et al. 2018) and cutmix (Yun et al. 2019) of a batch with itself; off unless asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from tellapart.training.data_loader import Batch

LossOf = Callable[[torch.Tensor], torch.Tensor]
"""The loss against targets (n,)."""


def mix_batch(batch: Batch, mixup: float, cutmix: float, *, seed: int) -> tuple[torch.Tensor, Callable[[LossOf], torch.Tensor]]:
    """Images (n, 3, s, s) mixed with others of the batch, and how to take the loss of both truths.

    Args:
        batch: images and targets.
        mixup: Beta parameter; 0 for never.
        cutmix: the same; if both are given, a coin decides for each batch.
        seed: of the coin, the share and the partners.
    """
    if mixup <= 0 and cutmix <= 0:
        return batch.x, lambda loss_of: loss_of(batch.targets)
    rng = np.random.default_rng(seed)
    is_cut = cutmix > 0 and (mixup <= 0 or rng.random() < 0.5)
    parameter = cutmix if is_cut else mixup
    share = float(rng.beta(parameter, parameter))
    partner = torch.from_numpy(rng.permutation(len(batch.targets))).to(batch.x.device)
    if is_cut:
        x, share = _pasted(batch.x, partner, share, rng)
    else:
        x = batch.x.lerp(batch.x[partner], 1 - share)
    return x, lambda loss_of: share * loss_of(batch.targets) + (1 - share) * loss_of(batch.targets[partner])


def _pasted(x: torch.Tensor, partner: torch.Tensor, share: float, rng: np.random.Generator) -> tuple[torch.Tensor, float]:
    """A rectangle of about 1 - share of the area comes from the partner; the share that really stayed."""
    size = x.shape[-1]
    side = round(size * (1 - share) ** 0.5)
    top, left = (int(v) for v in rng.integers(0, size - side + 1, 2))
    x = x.clone()
    x[:, :, top : top + side, left : left + side] = x[partner, :, top : top + side, left : left + side]
    return x, 1 - (side / size) ** 2
