"""Sprites: thousands of tiny images in a few JPEG sheets, a sixth of the bytes of as many thumbnails."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from PIL import Image, ImageOps

from tellapart.reports.thumbnail_budget import Thumbnails, opened

SIDE = 32
ACROSS = 16
A_SHEET = ACROSS * ACROSS
QUALITY = 62


@dataclass(frozen=True, eq=False)
class Sprites:
    """Tiny images.

    Attributes:
        sheets: JPEGs of 16 x 16 squares of 32 pixels, row by row; the last may have empty places.
        shown: what each place shows, over all sheets; the numbers given to :func:`sprites_of`.
        dealt: how many of the requested images were processed before the budget ended.
    """

    sheets: list[bytes] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    dealt: int = 0


def sprites_of(images: Iterable[tuple[int, str]], thumbnails: Thumbnails, budget_bytes: int) -> Sprites:
    """Sprites of (number, image_id) in their order, as many sheets as fit the budget; an image that is not there takes no place."""
    remaining = iter(images)
    sheets: list[bytes] = []
    shown: list[int] = []
    dealt = 0
    while batch := list(islice(remaining, A_SHEET)):
        jpegs = thumbnails([image_id for _, image_id in batch])
        tiles = [(number, tile) for number, image_id in batch if image_id in jpegs and (tile := _tile(jpegs[image_id])) is not None]
        if tiles:
            sheet = _sheet([tile for _, tile in tiles])
            budget_bytes -= len(sheet)
            if budget_bytes < 0:
                break
            shown += [-1] * (len(sheets) * A_SHEET - len(shown)) + [number for number, _ in tiles]
            sheets.append(sheet)
        dealt += len(batch)
    return Sprites(sheets, shown, dealt)


def _tile(jpeg: bytes) -> Image.Image | None:
    image = opened(jpeg, SIDE)
    return None if image is None else ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.BOX)


def _sheet(tiles: list[Image.Image]) -> bytes:
    down = -(-len(tiles) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * SIDE, down * SIDE), (128, 128, 128))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % ACROSS * SIDE, index // ACROSS * SIDE))
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
