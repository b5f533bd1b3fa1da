"""mixup (Zhang et al. 2018) and CutMix (cutmix, Yun et al. 2019) within a batch; off by default."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from tellapart.training.data_loader import Batch

LossOf = Callable[[torch.Tensor], torch.Tensor]
"""From targets int64 (n,) to the loss."""


def mix_batch(batch: Batch, mixup: float, cutmix: float, *, seed: int) -> tuple[torch.Tensor, Callable[[LossOf], torch.Tensor]]:
    """Mix images of a batch: returns images float32 (n, 3, s, s), and a function that mixes the losses of both targets.

    Args:
        batch: images and targets.
        mixup: parameter of the Beta distribution of mixup; 0 turns it off.
        cutmix: the same for CutMix; if both are on, each batch uses one of them, with equal probability.
        seed: random seed.
    """
    if mixup <= 0 and cutmix <= 0:
        return batch.x, lambda loss_of: loss_of(batch.targets)
    rng = np.random.default_rng(seed)
    is_cut = cutmix > 0 and (mixup <= 0 or rng.random() < 0.5)
    parameter = cutmix if is_cut else mixup
    share = float(rng.beta(parameter, parameter))
    partner = torch.from_numpy(rng.permutation(len(batch.targets))).to(batch.x.device)
    if is_cut:
        x, share = _paste_square(batch.x, partner, share, rng)
    else:
        x = batch.x.lerp(batch.x[partner], 1 - share)
    return x, lambda loss_of: share * loss_of(batch.targets) + (1 - share) * loss_of(batch.targets[partner])


def _paste_square(x: torch.Tensor, partner: torch.Tensor, share: float, rng: np.random.Generator) -> tuple[torch.Tensor, float]:
    """Paste a square of about 1 - share of the area from the partner; returns the images and the share that remains."""
    size = x.shape[-1]
    side = round(size * (1 - share) ** 0.5)
    top, left = (int(v) for v in rng.integers(0, size - side + 1, 2))
    x = x.clone()
    x[:, :, top : top + side, left : left + side] = x[partner, :, top : top + side, left : left + side]
    return x, 1 - (side / size) ** 2
