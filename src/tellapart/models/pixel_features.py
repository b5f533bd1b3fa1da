"""Baseline features: the pixels of a small image, without a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.models.backbone_card import PIXELS, Backbone, BackboneCard

SIDE = 32


class PixelFeatures:
    """Colors of ``image_size`` x ``image_size`` cells, 0 to 1, row by row."""

    def __init__(self, backbone: Backbone) -> None:
        self.card = backbone.card

    def features(self, pixels: ByteArray, *, mirror: bool) -> FloatArray:
        """float32 (n, 3 s s) of uint8 pixels (n, s, s, 3); averaged with the mirror image's if asked."""
        both = [pixels, pixels[:, :, ::-1]] if mirror else [pixels]
        return np.asarray(np.mean([one.reshape(len(pixels), -1).astype(np.float32) / 255 for one in both], axis=0, dtype=np.float32))


def pixel_backbone(image_size: int | None = None) -> Backbone:
    """The backbone ``pixels``, by default of 32 x 32."""
    side = image_size or SIDE
    none = (0.0, 0.0, 0.0)
    return Backbone(BackboneCard(PIXELS, PIXELS, "", side, none, (1.0, 1.0, 1.0), 3 * side * side), Path())
