"""Small images made ready to be laid over each other, and what of them is image rather than frame or caption."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tellapart.array_types import BoolArray, ByteArray

SIDE, COARSE_SIDE = 96, 32
FRAME_SPREAD = 14
"""Gray levels by which the pixels of a frame may differ; JPEG's ringing stays within."""
EDGE_SHARE, BAR_SHARE = 0.97, 0.5
"""Share of the outermost line that has the bar's color, and of every further line: the rest is words."""
LONGEST_BARS = 0.6
"""Share of a side that both its bars may take."""
_BLEED = 0.3

Grid = NDArray[np.float32]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of width and height."""
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class RegistrationImage:
    """An image squashed into a square.

    Attributes:
        gray: float32 (96, 96).
        coarse: the same as float32 (32, 32).
        chroma: red and blue less the mean of all three channels, float32 (32, 32, 2).
        width, height: of the image, in any unit.
        content: what is inside frame and caption bars; None where there are none.
    """

    gray: Grid
    coarse: Grid
    chroma: Grid
    width: int
    height: int
    content: Box | None

    @classmethod
    def of(cls, pixels: ByteArray) -> RegistrationImage:
        """Of uint8 (h, w, 3); 128 pixels on the longer side are plenty."""
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
        """Width by height."""
        return self.width / self.height

    def mirrored(self) -> RegistrationImage:
        """The mirror image, left and right exchanged."""
        box = None if self.content is None else (1 - self.content[2], self.content[1], 1 - self.content[0], self.content[3])
        gray, coarse, chroma = (np.ascontiguousarray(grid[:, ::-1]) for grid in (self.gray, self.coarse, self.chroma))
        return replace(self, gray=gray, coarse=coarse, chroma=chroma, content=box)


def content_box(gray: ByteArray) -> Box | None:
    """What is left of uint8 (h, w) ``gray`` without plain frames and caption bars; None where nothing is to be taken off.

    A bar begins with a line of one color, at the edge of the image, and goes on while its ends and half of it have it.
    A photo on a plain background loses some of that, which does no harm: its copies lose as much.
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
    """Where the bar ends; the line in which it fades into the image is given away."""
    return (lines + _BLEED) / of if lines else 0.0


def _bar(gray: ByteArray) -> int:
    """How many lines from the top are a bar."""
    lines = gray.astype(np.int16)
    is_paper: BoolArray = np.abs(lines - np.median(lines[0])) <= FRAME_SPREAD
    if is_paper[0].mean() < EDGE_SHARE:
        return 0
    is_bar = (is_paper.mean(axis=1) >= BAR_SHARE) & is_paper[:, :3].all(axis=1) & is_paper[:, -3:].all(axis=1)
    return len(is_bar) if is_bar.all() else int(np.argmin(is_bar))
