"""Crop geometry: from a bounding box to pixels, with a margin, square, or aligned so that the eyes are level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.augmentation.affine import opencv
from tellapart.images import resize

SUBJECT_SHARE = 0.35
"""Threshold as a share of the strongest activation; above it is the subject."""


@dataclass(frozen=True)
class Box:
    """Part of an image in whole pixels; right and bottom are the first outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.right},{self.bottom}"


@dataclass(frozen=True)
class CropShape:
    """What a crop looks like.

    Attributes:
        margin: added on each side, as a share of the box's width and height.
        is_square: whether the shorter side is widened to the longer where the image allows it.
        is_aligned: whether the image is turned until the eyes are level.
        size: side of the written square, or longer side of what is not square; None for as many pixels as there are.
    """

    margin: float = 0.3
    is_square: bool = True
    is_aligned: bool = False
    size: int | None = None


def crop_box(box: FloatArray, width: int, height: int, shape: CropShape) -> Box:
    """The box with its margin, within an image of ``width`` x ``height`` pixels: moved inside first, then cut.

    Args:
        box: float (4,): left, top, right, bottom in pixels; may reach outside.
        width: of the image.
        height: of the image.
        shape: margin, and square or not.
    """
    center = (box[:2] + box[2:]) / 2
    sides = np.maximum((box[2:] - box[:2]) * (1 + 2 * shape.margin), 1.0)
    limits = np.array([width, height], dtype=np.float64)
    if shape.is_square:
        sides = np.minimum(np.full(2, sides.max()), limits.min())
    sides = np.minimum(np.maximum(np.round(sides), 1), limits)
    corner = np.clip(np.round(center - sides / 2), 0, limits - sides)
    left, top = (int(value) for value in corner)
    return Box(left, top, left + int(sides[0]), top + int(sides[1]))


def crop_pixels_of(pixels: ByteArray, box: Box, shape: CropShape, eyes: FloatArray | None = None) -> ByteArray:
    """The pixels of a box, uint8 (h, w, 3).

    Args:
        pixels: uint8 (height, width, 3).
        box: within the image.
        shape: aligned or not, and the size.
        eyes: (2, 2), x and y of the eye on the image's left, then of that on its right; None leaves the image as it is.
    """
    if shape.is_aligned and eyes is not None:
        crop = _align_eyes(pixels, box, eyes)
    else:
        crop = np.ascontiguousarray(pixels[box.top : box.bottom, box.left : box.right])
    if shape.size is None:
        return crop
    if shape.is_square:
        return resize(crop, shape.size, "squash" if crop.shape[0] == crop.shape[1] else "pad")
    return _resize_longer_side(crop, shape.size)


def _align_eyes(pixels: ByteArray, box: Box, eyes: FloatArray) -> ByteArray:
    """The box, turned around its center until the eyes are level; what lies outside the image repeats its edge."""
    across = eyes[1] - eyes[0]
    angle = np.arctan2(across[1], across[0])
    if abs(angle) > np.pi / 2:
        angle -= np.copysign(np.pi, angle)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    center = np.array([(box.left + box.right - 1) / 2, (box.top + box.bottom - 1) / 2])
    half = np.array([(box.width - 1) / 2, (box.height - 1) / 2])
    matrix = np.column_stack([turn, center - turn @ half])
    cv2: Any = opencv()
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    turned: ByteArray = cv2.warpAffine(
        np.ascontiguousarray(pixels), matrix, (box.width, box.height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return turned


def _resize_longer_side(pixels: ByteArray, size: int) -> ByteArray:
    """Resized, shape kept; without the border that a padded square has."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    tall, wide = max(1, round(size * height / longer)), max(1, round(size * width / longer))
    top, left = (size - tall) // 2, (size - wide) // 2
    return np.ascontiguousarray(resize(pixels, size, "pad")[top : top + tall, left : left + wide])


def activation_box(activations: FloatArray, width: int, height: int) -> FloatArray | None:
    """The bounding box of the strongest activations, float64 (4,) in pixels of the image; None where all are equal.

    Args:
        activations: (rows, columns), any scale; a grid over the whole image.
        width: of the image.
        height: of the image.
    """
    values = activations - activations.min()
    if not np.isfinite(values).all() or values.max() <= 1e-6 * max(1.0, float(np.abs(activations).max())):
        return None
    cv2: Any = opencv()
    fine = cv2.resize(np.asarray(values / values.max(), np.float32), (64, 64), interpolation=cv2.INTER_CUBIC)
    _, parts, facts, _ = cv2.connectedComponentsWithStats((fine >= SUBJECT_SHARE).astype(np.uint8), connectivity=8)
    strengths = np.bincount(parts.ravel(), weights=fine.ravel().astype(np.float64))
    strengths[0] = 0.0
    left, top, wide, tall = (float(value) for value in facts[int(strengths.argmax()), :4])
    return np.asarray(np.array([left, top, left + wide, top + tall]) * np.array([width, height, width, height]) / 64)
