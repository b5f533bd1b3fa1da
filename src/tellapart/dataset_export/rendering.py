"""Rendering the images of a prepared dataset: squares of every size from one decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np

from tellapart.array_types import ByteArray, FloatArray, IntArray
from tellapart.dataset.image_analysis import SMALLEST_LOOK, decode_for_each
from tellapart.images import ResizePolicy, resize
from tellapart.images.formats import SUFFIXES, sniff_format

ORIGINAL = 0
"""The size that means the original file."""
QUALITY = 95
LUMA = np.array([19595, 38470, 7471], np.uint32)
"""Weights of red, green and blue in 65,536ths, the same as Pillow's."""


@dataclass(frozen=True)
class Square:
    """How images are rendered.

    Attributes:
        sizes: sides in pixels; ``ORIGINAL`` for the original file.
        resize: ``crop``, ``pad`` or ``squash``.
        is_gray: one channel instead of three.
        is_first: channels first, (channels, size, size).
        is_float: float32 from 0 to 1 instead of uint8.
    """

    sizes: tuple[int, ...]
    resize: str = "crop"
    is_gray: bool = False
    is_first: bool = False
    is_float: bool = False

    def shape(self, size: int) -> tuple[int, int, int]:
        """Of one array of that size."""
        channels = 1 if self.is_gray else 3
        return (channels, size, size) if self.is_first else (size, size, channels)

    def pixels(self, data: bytes) -> dict[int, ByteArray]:
        """uint8 (size, size, channels) by size, the same as in training; decoded once, also if only the original is written.

        Raises:
            ImageError: the bytes are not a usable image; the message is the reason.
        """
        sides = [size for size in self.sizes if size != ORIGINAL]
        decoded = decode_for_each(data, sides or [SMALLEST_LOOK])
        return {
            side: self._colored(resize(image.pixels, side, cast(ResizePolicy, self.resize)))
            for side, image in zip(sides, decoded, strict=False)
        }

    def array(self, pixels: ByteArray) -> ByteArray | FloatArray:
        """uint8 (size, size, channels) in the layout of the array file."""
        placed = np.ascontiguousarray(pixels.transpose(2, 0, 1)) if self.is_first else pixels
        return placed.astype(np.float32) / np.float32(255) if self.is_float else placed

    def _colored(self, pixels: ByteArray) -> ByteArray:
        if not self.is_gray:
            return pixels
        return ((pixels @ LUMA + 0x8000) >> 16).astype(np.uint8)[:, :, None]


def encoded(pixels: ByteArray) -> bytes:
    """Encode uint8 (h, w, 3 or 1) as a JPEG of quality 95 without chroma subsampling."""
    import simplejpeg

    is_gray = pixels.shape[2] == 1
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels),
        quality=QUALITY,
        colorspace="GRAY" if is_gray else "RGB",
        colorsubsampling="Gray" if is_gray else "444",
    )
    return data


def suffix_of(data: bytes) -> str:
    """The usual suffix of an image file, from its first bytes."""
    return SUFFIXES[sniff_format(data)][0]


def channel_sums(pixels: ByteArray) -> IntArray:
    """Sums of the values and of their squares per channel: int64 (2, channels), exact."""
    values = np.ascontiguousarray(pixels.reshape(-1, pixels.shape[2]).T).astype(np.float64)
    return np.stack([values.sum(axis=1), np.einsum("ij,ij->i", values, values)]).astype(np.int64)


def mean_and_deviation(sums: Sequence[Sequence[int]], values: int) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, on a scale of 0 to 1, of ``values`` values per channel."""
    mean = np.array(sums[0], np.float64) / values
    deviation = np.sqrt(np.maximum(np.array(sums[1], np.float64) / values - mean**2, 0.0))
    return [round(float(x), 6) for x in mean / 255], [round(float(x), 6) for x in deviation / 255]


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Limit torch to one thread per call within the block, because images are resized in parallel."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
