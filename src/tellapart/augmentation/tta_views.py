"""Test-time augmentation (TTA): views of the same image, whose predictions are averaged.

Averaging features with those of the mirror image (``flip_average``) is in models/feature_network.py.

>>> import numpy as np
>>> [int(seen[0, 0, 0, 0]) for seen in views(np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3), 2)]
[0, 3]
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tellapart.array_types import ByteArray, IntArray
from tellapart.augmentation.affine import Size, height_and_width, warp
from tellapart.augmentation.policy import Augmentation

KEPT = 0.875
"""Share of each side that a crop keeps."""
VIEWS: tuple[tuple[str, float, float, float], ...] = (
    ("as it is", 1.0, 0.0, 0.0),
    ("center", KEPT, 0.0, 0.0),
    ("top left", KEPT, -1.0, -1.0),
    ("bottom right", KEPT, 1.0, 1.0),
    ("top right", KEPT, 1.0, -1.0),
    ("bottom left", KEPT, -1.0, 1.0),
    ("smaller", 1.1, 0.0, 0.0),
    ("smaller still", 1.2, 0.0, 0.0),
)
"""What each pair of views shows: a name, the share of each side that is seen, and where across and down (-1 to 1).

View ``2 i`` is entry ``i`` and view ``2 i + 1`` its mirror image; after the last pair the order begins again.
"""


def view_matrices(number: int, size: Size) -> NDArray[np.float64]:
    """The affine matrices of the first ``number`` views of an image of ``size`` pixels, float64 (number, 2, 3)."""
    height, width = height_and_width(size)
    matrices = np.zeros((number, 2, 3))
    for view in range(number):
        _, scale, across, down = VIEWS[view // 2 % len(VIEWS)]
        mirror = -1 if view % 2 else 1
        matrices[view, 0] = mirror * scale, 0, (width - 1) / 2 * (1 - mirror * scale) + across * (1 - scale) * width / 2
        matrices[view, 1] = 0, scale, (height - 1) / 2 * (1 - scale) + down * (1 - scale) * height / 2
    return matrices


def view(
    pixels: ByteArray, number: int, *, augmentation: Augmentation | None = None, keys: IntArray | None = None, seed: int = 0
) -> ByteArray:
    """View ``number`` of images, uint8 (n, h, w, 3); view 0 is ``pixels`` itself.

    Args:
        pixels: uint8 (n, h, w, 3).
        number: of the view, from 0 on.
        augmentation: draw the view from it; by default it is that of ``VIEWS``.
        keys: uint64 (n,), so that each image has draws of its own; without keys all images of a view have the same.
        seed: of the draws.
    """
    if number == 0:
        return pixels
    if augmentation is not None:
        own = keys if keys is not None else np.zeros(len(pixels), np.uint64)
        return augmentation.augmented(pixels, own, seed=seed, epoch=number)
    matrix = view_matrices(number + 1, (pixels.shape[1], pixels.shape[2]))[number]
    return warp(pixels, np.broadcast_to(matrix, (len(pixels), 2, 3)))


def views(
    pixels: ByteArray, number: int, *, augmentation: Augmentation | None = None, keys: IntArray | None = None, seed: int = 0
) -> Iterator[ByteArray]:
    """The first ``number`` views of images, one after the other, uint8 (n, h, w, 3) each; see :func:`view`."""
    for each in range(number):
        yield view(pixels, each, augmentation=augmentation, keys=keys, seed=seed)
