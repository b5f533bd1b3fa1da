from __future__ import annotations

import numpy as np
import torch

from tellapart.models.normalization import Normalization

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_every_pixel_loses_its_colors_mean_and_is_divided_by_its_deviation() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    x = Normalization(MEAN, STD, 7)(pixels)
    expected = (pixels / 255 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(x.permute(0, 2, 3, 1).numpy(), expected, atol=1e-5)


def test_the_input_lies_channels_last_and_the_pixels_stay_as_they_were() -> None:
    pixels = np.full((2, 8, 8, 3), 200, dtype=np.uint8)
    x = Normalization(MEAN, STD, 8)(pixels)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert (pixels == 200).all()
