"""Small images for registration, and the box of their content without frames and captions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tellapart.array_types import BoolArray, ByteArray

SIDE, COARSE_SIDE = 96, 32
FRAME_SPREAD = 14
"""Gray levels by which the pixels of a frame may differ; JPEG ringing stays within."""
EDGE_SHARE, BAR_SHARE = 0.97, 0.5
"""Minimum share of the bar color in the outermost line, and in every further line, which may contain text."""
LONGEST_BARS = 0.6
"""Maximum share of a side that both bars may take."""
_BLEED = 0.3

Grid = NDArray[np.float32]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of width and height."""
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class RegistrationImage:
    """An image squashed to a square.

    Attributes:
        gray: float32 (96, 96), 0 to 255.
        coarse: float32 (32, 32), the same, smaller.
        chroma: float32 (32, 32, 2), red and blue minus the mean of all three channels.
        width, height: of the image, in any unit.
        content: the box inside frame and caption bars; None without any.
    """

    gray: Grid
    coarse: Grid
    chroma: Grid
    width: int
    height: int
    content: Box | None

    @classmethod
    def of(cls, pixels: ByteArray) -> RegistrationImage:
        """From uint8 (h, w, 3) pixels; 128 pixels on the longer side are enough."""
        import cv2

        square = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        gray = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY).astype(np.float32)
        colors = cv2.resize(square, (COARSE_SIDE, COARSE_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        chroma = (colors - colors.mean(axis=2, keepdims=True))[..., [0, 2]]
        coarse = np.asarray(cv2.resize(gray, (COARSE_SIDE, COARSE_SIDE), interpolation=cv2.INTER_AREA), np.float32)
        content = content_box(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8))
        return cls(gray, coarse, np.ascontiguousarray(chroma), pixels.shape[1], pixels.shape[0], content)

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.width / self.height

    def mirrored(self) -> RegistrationImage:
        """The left-right mirror image."""
        box = None if self.content is None else (1 - self.content[2], self.content[1], 1 - self.content[0], self.content[3])
        gray, coarse, chroma = (np.ascontiguousarray(grid[:, ::-1]) for grid in (self.gray, self.coarse, self.chroma))
        return replace(self, gray=gray, coarse=coarse, chroma=chroma, content=box)


def content_box(gray: ByteArray) -> Box | None:
    """The box of uint8 (h, w) ``gray`` without plain frames and caption bars; None if there are none.

    A bar starts with a line of one color at the edge of the image, and continues while the ends and half of a line have it.
    A photo on a plain background loses some of it, which does no harm, because its copies lose as much.
    """
    height, width = gray.shape
    top, bottom = _bar(gray), _bar(gray[::-1])
    if top + bottom >= LONGEST_BARS * height:
        return None
    middle = gray[top : height - bottom]
    left, right = _bar(middle.T), _bar(middle.T[::-1])
    if left + right >= LONGEST_BARS * width:
        left = right = 0
    if not (top or bottom or left or right):
        return None
    return _edge(left, width), _edge(top, height), 1 - _edge(right, width), 1 - _edge(bottom, height)


def _edge(lines: int, of: int) -> float:
    """The end of the bar as a share of the side, including the line in which it fades into the image."""
    return (lines + _BLEED) / of if lines else 0.0


def _bar(gray: ByteArray) -> int:
    """Number of lines from the top that are a bar."""
    lines = gray.astype(np.int16)
    is_paper: BoolArray = np.abs(lines - np.median(lines[0])) <= FRAME_SPREAD
    if is_paper[0].mean() < EDGE_SHARE:
        return 0
    is_bar = (is_paper.mean(axis=1) >= BAR_SHARE) & is_paper[:, :3].all(axis=1) & is_paper[:, -3:].all(axis=1)
    return len(is_bar) if is_bar.all() else int(np.argmin(is_bar))
