from __future__ import annotations

import numpy as np
import pytest
import torch

from tellapart.images import resize
from tellapart.images.integer_resize import resample

SIZES = [
    (75, 100, 44, 60),
    (50, 70, 224, 313),
    (100, 80, 32, 25),
    (30, 40, 30, 40),
    (60, 60, 60, 31),
    (7, 9, 28, 36),
    (1, 1, 5, 5),
    (13, 17, 1, 1),
]


@pytest.mark.parametrize(("height", "width", "tall", "wide"), SIZES)
def test_every_pixel_is_torchs(height: int, width: int, tall: int, wide: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    expected = torch.nn.functional.interpolate(image, (tall, wide), mode="bicubic", antialias=True)[0].permute(1, 2, 0).numpy()
    found = resample(pixels, tall, wide)
    assert found.flags.c_contiguous and found.flags.writeable
    assert (found == expected).all()


@pytest.mark.parametrize("policy", ["crop", "pad", "squash"])
@pytest.mark.parametrize("shape", [(90, 41), (40, 90), (5, 300), (64, 64)])
def test_every_policy_gives_the_same_square_without_torch(policy: str, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert (resize(pixels, 33, policy) == resize(pixels, 33, policy, resample=resample)).all()  # type: ignore[arg-type]
