"""Registration of two small images, and whether they agree in detail afterwards.

A crop, a rotation by a few degrees, a frame or a caption moves everything, so pixels can only be compared after registration.
It starts with a coarse search over a few scales and refines the result by maximizing the correlation over affine transforms
(ECC, Evangelidis and Psarakis 2008). The decision does not depend on the overall similarity (two dark shirts on one floor are
similar), but on the agreement of the fine structure, block by block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from tellapart.array_types import BoolArray, FloatArray
from tellapart.curation.registration_images import COARSE_SIDE, SIDE, WHOLE, Box, Grid, RegistrationImage

SCALES = (1.0, 0.94, 0.87, 0.76)
"""How much of one image the other shows; a crop of 12 % on every side leaves 0.76."""
LEAST_COARSE, LEAST_COARSE_AGREEMENT, LEAST_OVERLAP = 0.75, 0.8, 0.2
TEMPLATE_SHARE = 0.88
BLOCK = 12
FINE, BROAD = 0.8, 2.5
"""Standard deviations, in pixels of the small image, of the two Gaussians whose difference is the detail."""
LEAST_ROUGH_DETAIL = 0.15
"""97 % of planted copies reach it after the coarse search, in the hardest set (clothes on a plain background, white frames)."""
ENOUGH_DETAIL, ENOUGH_COLOR = 0.9, 0.9
"""From this detail and color on, no other transform is tried; the edge of a frame that is a pixel off costs color."""
COLORLESS = 4.0
LEAST_BAR, FRAME_SLACK = 0.025, 0.03
"""Shares of a side: the thinnest bar, and the tolerance for the position of its end."""

_PLACES = np.meshgrid(*2 * [(np.arange(SIDE) + 0.5) / SIDE])
_LAST_ROW = np.array([[0.0, 0.0, 1.0]])

Move = NDArray[np.float64]
"""An affine transform, float64 (2, 3), from positions in the first image to the second, in shares of width and height."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of two registered images where they overlap.

    Attributes:
        detail: mean correlation of the fine structure of the blocks, -1 to 1; 0 without fine structure.
        detailed_blocks: number of blocks, out of 64, with fine structure.
        agreeing: share of these whose correlation is above 0.5; strong outlines may agree where the rest does not.
        structure: mean correlation of the unfiltered blocks, -1 to 1.
        color: cosine of the colors; 1 if one of the two is gray.
        overlap: share of the first image that was compared.
        stretch: ratio of the singular values of the transform; 1 for none.
        turn: rotation in degrees.
        shift: largest displacement of a corner relative to the same part in both, as a share of the side.
        is_mirrored: whether the first was mirrored.
        is_framed: whether the first has a frame or caption around what the second shows, and vice versa.
    """

    detail: float
    detailed_blocks: int
    agreeing: float
    structure: float
    color: float
    overlap: float
    stretch: float
    turn: float
    shift: float
    is_mirrored: bool
    is_framed: tuple[bool, bool]


def best_agreement(first: RegistrationImage, second: RegistrationImage, *, is_mirrored: bool = False) -> Agreement | None:
    """Register two images and return their best agreement; None if they do not match even coarsely."""
    first = first.mirrored() if is_mirrored else first
    likeness, start = _coarse_search(first, second)
    if likeness < LEAST_COARSE:
        return None
    moves = [move for move in (start, _refine(first, second, start, COARSE_SIDE, 12)) if move is not None]
    fits = [_coarse_fit(first, second, move) for move in moves]
    if max(fits) < LEAST_COARSE_AGREEMENT:
        return None
    rough = moves[int(np.argmax(fits))]
    overlay = _Overlay(first, second, rough)
    if overlay.detail[0] < LEAST_ROUGH_DETAIL:
        return None
    if overlay.detail[0] >= ENOUGH_DETAIL:
        agreement = overlay.agreement(is_mirrored=is_mirrored)
        if agreement is not None and agreement.color >= ENOUGH_COLOR:
            return agreement
    fine = _refine(first, second, rough, SIDE, 8)
    best = None if fine is None else compare_after_move(first, second, fine, is_mirrored=is_mirrored)
    if best is None or best.detail < ENOUGH_DETAIL:
        best = better_agreement(best, overlay.agreement(is_mirrored=is_mirrored))
    return best


def better_agreement(one: Agreement | None, other: Agreement | None) -> Agreement | None:
    """The agreement with the higher detail."""
    return one if other is None or (one is not None and one.detail >= other.detail) else other


def compare_after_move(first: RegistrationImage, second: RegistrationImage, move: Move, *, is_mirrored: bool = False) -> Agreement | None:
    """The agreement after a transform; None if the overlap is too small."""
    return _Overlay(first, second, move).agreement(is_mirrored=is_mirrored)


@dataclass(frozen=True, eq=False)
class _Overlay:
    """Two small images, the second transformed onto the first, with cached intermediate results."""

    first: RegistrationImage
    second: RegistrationImage
    move: Move

    @cached_property
    def is_both(self) -> BoolArray:
        """Where both have pixels, bool (96, 96)."""
        return _overlap(self.first, self.second, self.move)

    @cached_property
    def grays(self) -> tuple[Grid, Grid]:
        """Both gray images, the second transformed."""
        return self.first.gray, _warp(self.second.gray, self.move, SIDE)

    @cached_property
    def fine(self) -> tuple[Grid, Grid]:
        """Both gray images, denoised."""
        one, other = self.grays
        return _blur(one, FINE), _blur(other, FINE)

    @cached_property
    def detail(self) -> tuple[float, int, float]:
        """Agreement of the fine structure of the blocks, see :func:`_by_block`."""
        import cv2

        inner = cv2.erode(self.is_both.astype(np.uint8), np.ones((7, 7), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        one, other = (fine - _blur(gray, BROAD) for fine, gray in zip(self.fine, self.grays, strict=True))
        return _by_block(one, other, inner, least_share=0.2, least_spread=0.8, noise=0.25)

    def agreement(self, *, is_mirrored: bool) -> Agreement | None:
        """All measures; None if the overlap is too small."""
        first, second, move = self.first, self.second, self.move
        overlap = float(self.is_both.mean())
        if overlap < LEAST_OVERLAP:
            return None
        structure, _, _ = _by_block(*self.fine, self.is_both, least_share=0.15, least_spread=2.0, noise=1.0)
        stretch, turn, shift = _geometry(first, second, move)
        color = _color(first, second, move)
        is_framed = (_is_framed(first, second, move), _is_framed(second, first, _inverse(move)))
        return Agreement(*self.detail, structure, color, overlap, stretch, turn, shift, is_mirrored, is_framed)


def _blur(grid: Grid, deviation: float) -> Grid:
    import cv2

    return np.asarray(cv2.GaussianBlur(grid, (0, 0), deviation), np.float32)


def box_move(source: Box, target: Box) -> Move:
    """The transform that maps one box onto another."""
    across = (target[2] - target[0]) / (source[2] - source[0])
    down = (target[3] - target[1]) / (source[3] - source[1])
    return np.array([[across, 0, target[0] - source[0] * across], [0, down, target[1] - source[1] * down]])


def _coarse_search(first: RegistrationImage, second: RegistrationImage) -> tuple[float, Move]:
    """The best coarse transform and its correlation: the first within the second, or the second within the first."""
    best = (-1.0, box_move(WHOLE, WHOLE))
    for one, other, is_back in ((first, second, False), (second, first, True)):
        for box, across, down in _search_options(one, other, is_back):
            match = _template(one, other, box, across, down)
            if match is not None and match[0] > best[0]:
                best = (match[0], _inverse(match[1]) if is_back else match[1])
    return best


def _search_options(first: RegistrationImage, second: RegistrationImage, is_back: bool) -> Iterator[tuple[Box, float, float]]:
    """Yield the part of the first to search for in the second, and its horizontal and vertical scale."""
    ratio = first.aspect / second.aspect
    for scale in SCALES:
        if not (is_back and scale == 1.0):
            yield WHOLE, scale, scale
        if abs(ratio - 1) > 0.02:
            yield WHOLE, scale * min(1.0, ratio), scale * min(1.0, 1 / ratio)
    if is_back:
        return
    for box in {WHOLE, first.content or WHOLE}:
        for target in {WHOLE, second.content or WHOLE}:
            if (box, target) != (WHOLE, WHOLE):
                move = box_move(box, target)
                yield box, float(move[0, 0]), float(move[1, 1])


def _template(first: RegistrationImage, second: RegistrationImage, box: Box, across: float, down: float) -> tuple[float, Move] | None:
    """Match the center of a box of the first, scaled, within the second: correlation and transform."""
    import cv2

    side = COARSE_SIDE
    middle_x, middle_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half_x, half_y = (box[2] - box[0]) * TEMPLATE_SHARE / 2, (box[3] - box[1]) * TEMPLATE_SHARE / 2
    width, height = round(2 * half_x * across * side), round(2 * half_y * down * side)
    if not (8 <= width < side and 8 <= height < side):
        return None
    step_x, step_y = 2 * half_x * side / width, 2 * half_y * side / height
    pixels = np.array(
        [[step_x, 0, (middle_x - half_x) * side - 0.5 + step_x / 2], [0, step_y, (middle_y - half_y) * side - 0.5 + step_y / 2]], np.float32
    )
    part = cv2.warpAffine(
        first.coarse, pixels, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    if cv2.meanStdDev(part)[1][0, 0] < 1.5:
        return None
    _, likeness, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(second.coarse, part, cv2.TM_CCOEFF_NORMED))
    wide, tall = width / side / (2 * half_x), height / side / (2 * half_y)
    move = np.array([[wide, 0, x / side - (middle_x - half_x) * wide], [0, tall, y / side - (middle_y - half_y) * tall]])
    return float(likeness), move


def _refine(first: RegistrationImage, second: RegistrationImage, move: Move, side: int, rounds: int) -> Move | None:
    """Refine a transform by maximizing the correlation (ECC); None if it does not converge."""
    import cv2

    one, other = (first.gray, second.gray) if side == SIDE else (first.coarse, second.coarse)
    mask = np.full((side, side), 255, np.uint8)
    if first.content and second.content:
        left, top, right, bottom = (share * side for share in second.content)
        mask[:] = 0
        mask[int(np.ceil(top)) : int(bottom), int(np.ceil(left)) : int(right)] = 255
    start = _in_pixels(move, side)
    try:
        _, warp = cv2.findTransformECC(one, other, start, cv2.MOTION_AFFINE, (3, rounds, 1e-4), mask, 3)
    except cv2.error:
        return None
    to_pixels, to_shares = _frame(side)
    moved: Move = (to_shares @ np.vstack([warp, _LAST_ROW]) @ to_pixels)[:2]
    return moved if np.isfinite(moved).all() and abs(np.linalg.det(moved[:, :2])) > 0.05 else None


def _coarse_fit(first: RegistrationImage, second: RegistrationImage, move: Move) -> float:
    """Correlation of the coarse images where they overlap."""
    moved = _warp(second.coarse, move, COARSE_SIDE, outside=-1000.0)
    inside = moved > -1
    if inside.mean() < LEAST_OVERLAP:
        return -1.0
    one, other = first.coarse[inside], moved[inside]
    one, other = one - one.mean(), other - other.mean()
    return float((one @ other) / np.sqrt((one @ one) * (other @ other) + 1e-6))


def _overlap(first: RegistrationImage, second: RegistrationImage, move: Move) -> BoolArray:
    """Pixels of the first that both show, bool (96, 96); without the frames if both have one, as equal frames are not evidence."""
    x, y = _PLACES
    across, down = (row[0] * x + row[1] * y + row[2] for row in move)
    both = _inside(x, y, WHOLE) & _inside(across, down, WHOLE)
    if first.content and second.content:
        within = both & _inside(x, y, first.content) & _inside(across, down, second.content)
        if within.mean() >= LEAST_OVERLAP:
            return within
    return both


def _inside(x: FloatArray, y: FloatArray, box: Box) -> BoolArray:
    margin = 1 / SIDE
    is_inside: BoolArray = (x >= box[0] + margin) & (x <= box[2] - margin) & (y >= box[1] + margin) & (y <= box[3] - margin)
    return is_inside


def _by_block(
    one: Grid, other: Grid, is_both: BoolArray, *, least_share: float, least_spread: float, noise: float
) -> tuple[float, int, float]:
    """Weighted mean correlation of the blocks with enough contrast; their number; share of them above 0.5."""
    import cv2

    mask = is_both.astype(np.float32)

    def means(values: Grid) -> FloatArray:
        return np.asarray(cv2.resize(values * mask, (SIDE // BLOCK, SIDE // BLOCK), interpolation=cv2.INTER_AREA), np.float64)

    share_shown = means(mask)
    n = np.maximum(share_shown, 1e-6)
    mean_one, mean_other = means(one) / n, means(other) / n
    spread_one = np.maximum(means(one * one) / n - mean_one**2, 0)
    spread_other = np.maximum(means(other * other) / n - mean_other**2, 0)
    correlation = (means(one * other) / n - mean_one * mean_other) / np.sqrt((spread_one + noise) * (spread_other + noise))
    shown = share_shown > 0
    usual_one, usual_other = (max(float(np.sqrt(spread[shown].mean())), 0.5) for spread in (spread_one, spread_other))
    share = np.maximum(np.sqrt(spread_one) / usual_one, np.sqrt(spread_other) / usual_other)
    is_lively = (share_shown >= 0.6) & (share > least_share) & (np.maximum(spread_one, spread_other) > least_spread**2)
    if is_lively.sum() < 3:
        return 0.0, int(is_lively.sum()), 0.0
    weights = np.sqrt(np.minimum(share, 3)) * is_lively
    agreeing = float((correlation[is_lively] > 0.5).mean())
    return float((weights * correlation).sum() / weights.sum()), int(is_lively.sum()), agreeing


def _color(first: RegistrationImage, second: RegistrationImage, move: Move) -> float:
    moved = _warp(second.chroma, move, COARSE_SIDE, outside=-1000.0)
    inside = moved[..., 0] > -255
    if not inside.any():
        return 1.0
    one, other = first.chroma[inside], moved[inside]
    own, others = float((one**2).mean()), float((other**2).mean())
    return 1.0 if min(own, others) < COLORLESS else float((one * other).mean() / np.sqrt(own * others))


def _geometry(first: RegistrationImage, second: RegistrationImage, move: Move) -> tuple[float, float, float]:
    """Stretch, turn and shift of a transform; see :class:`Agreement`."""
    to, fro = np.diag([second.width, second.height]), np.diag([1 / first.width, 1 / first.height])
    linear = to @ move[:, :2] @ fro
    values = np.linalg.svd(linear, compute_uv=False)
    turn = float(np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])))
    sources, targets = {WHOLE, first.content or WHOLE}, {WHOLE, second.content or WHOLE}
    shifts = [_shift(move, source, target) for source in sources for target in targets]
    return float(values[0] / max(values[1], 1e-6)), turn, min(shifts)


def _is_framed(first: RegistrationImage, second: RegistrationImage, move: Move) -> bool:
    """Whether the first is the second with a frame or caption: everything outside the second is bars that the second does not have."""
    if first.content is None:
        return False
    corners = _inverse(move) @ np.array([[x, y, 1.0] for x in (0, 1) for y in (0, 1)]).T
    beyond = (*corners.min(axis=1), *(1 - corners.max(axis=1)))
    bars = (*first.content[:2], *(1 - end for end in first.content[2:]))
    others = (0.0,) * 4 if second.content is None else (*second.content[:2], *(1 - end for end in second.content[2:]))
    sides = list(zip(beyond, bars, others, strict=True))
    has_more = any(more >= LEAST_BAR and other < LEAST_BAR for more, _, other in sides)
    return has_more and all(more < LEAST_BAR or bar >= more - FRAME_SLACK for more, bar, _ in sides)


def _shift(move: Move, source: Box, target: Box) -> float:
    """The largest distance between the transformed corners of the source and those of the target."""
    corners = np.array([[x, y, 1.0] for x in (source[0], source[2]) for y in (source[1], source[3])]).T
    return float(np.abs((move - box_move(source, target)) @ corners).max())


def _warp(grid: Grid, move: Move, side: int, *, outside: float | None = None) -> Grid:
    """Warp the grid of the second image onto the first: float32 (side, side) or (side, side, 2)."""
    import cv2

    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    color = (outside or 0.0,) * 4
    moved = cv2.warpAffine(grid, _in_pixels(move, side), (side, side), flags=flags, borderMode=border, borderValue=color)
    return np.asarray(moved, np.float32)


def _in_pixels(move: Move, side: int) -> Grid:
    to_pixels, to_shares = _frame(side)
    return np.asarray((to_pixels @ np.vstack([move, _LAST_ROW]) @ to_shares)[:2], np.float32)


@cache
def _frame(side: int) -> tuple[FloatArray, FloatArray]:
    """The matrices, float64 (3, 3), from shares of an image to pixel positions, and back."""
    frame = np.array([[side, 0, -0.5], [0, side, -0.5], [0, 0, 1.0]])
    return frame, np.linalg.inv(frame)


def _inverse(move: Move) -> Move:
    return np.asarray(np.linalg.inv(np.vstack([move, _LAST_ROW]))[:2])
