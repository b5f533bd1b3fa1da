"""The graphics card's way of moving pixels says the same as the processor's; here both run on the processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tellapart.augmentation.affine import warp
from tellapart.augmentation.counter_rng import uniforms
from tellapart.augmentation.policy import COLUMNS, FILLS, Augmentation
from tellapart.models.warping import normalized
from tellapart.models.warping import warped as warped_by_torch
from tests import sample_images

SIDE = 96
PHOTOS = np.stack([sample_images.photo_pixels(seed, SIDE, SIDE) for seed in range(8)])
DRAWS = uniforms(0, 0, np.arange(8, dtype=np.uint64), len(COLUMNS))
ROUNDING = 2.0
"""Gray levels: OpenCV may round places to 1/32 of a pixel and always rounds the result to a whole level."""


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("out_size", [None, 80, 112])
def test_both_ways_agree(fill: str, out_size: int | None) -> None:
    moves = Augmentation(vertical_flip=True, rotation=40, shift=0.2, shear=10, zoom=0.3, crop=0.3, fill=fill)
    matrices = moves.matrices(DRAWS, SIDE, out_size)
    one = warp(PHOTOS, matrices, out_size=out_size, fill=fill)
    other = warped_by_torch(torch.from_numpy(PHOTOS), torch.from_numpy(matrices), out_size=out_size, fill=fill)
    assert other.dtype == torch.float32
    assert other.shape == (8, 3, out_size or SIDE, out_size or SIDE)
    difference = abs(one - other.permute(0, 2, 3, 1).numpy())
    assert np.quantile(difference, 0.999) <= ROUNDING
    assert difference.mean() < 0.5


def test_nothing_and_a_flip_are_exact_to_rounding() -> None:
    matrices = torch.tensor([[[1.0, 0, 0], [0, 1, 0]], [[-1.0, 0, SIDE - 1], [0, 1, 0]]])
    found = warped_by_torch(torch.from_numpy(PHOTOS[:2]), matrices).permute(0, 2, 3, 1).numpy()
    assert abs(found[0] - PHOTOS[0]).max() < 0.01
    assert abs(found[1] - PHOTOS[1][:, ::-1]).max() < 0.01


def test_the_identity_is_the_identity_in_torchs_measure() -> None:
    eye = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    assert normalized(eye, (30, 50), (30, 50)).tolist() == [[[1, 0, 0], [0, 1, 0]]]
