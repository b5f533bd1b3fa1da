"""The images of the report: thumbnails within a constant budget, a contact sheet and a mean image of each class."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from PIL import Image, ImageOps

from tellapart.array_types import ByteArray

Thumbnails: TypeAlias = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Gives JPEG bytes (about 128 pixels on the long edge) by image_id; ids it has no image of are left out."""

Item = TypeVar("Item")
BATCH = 500
MEAN_SIZE = 64
TILE = 96
MEAN_IMAGES_PER_CLASS = 200
MEAN_IMAGES = 3000
SHEET_TILES = 720


@dataclass(frozen=True)
class ThumbnailBudget:
    """How much of the page images may take; bytes are JPEG bytes, a third less than in the page.

    The defaults keep a page of any number of images and classes under 25 MB.
    """

    gallery_images: int = 3000
    gallery_bytes: int = 11_000_000
    nearest_bytes: int = 2_000_000
    map_bytes: int = 800_000
    ladder_bytes: int = 700_000


def data_uri(jpeg: bytes) -> str:
    """JPEG bytes as something an ``<img>`` can show without a request."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def fill(chosen: dict[str, bytes], image_ids: Iterable[str], thumbnails: Thumbnails, budget_bytes: int) -> int:
    """Add thumbnails to ``chosen`` in the order of ``image_ids`` while their bytes stay within the budget.

    Returns how many of the leading ids were dealt with; an id without an image counts and costs nothing.
    """
    image_list, done = list(image_ids), 0
    for start in range(0, len(image_list), BATCH):
        batch = image_list[start : start + BATCH]
        jpegs = thumbnails([image_id for image_id in dict.fromkeys(batch) if image_id not in chosen])
        for image_id in batch:
            jpeg = None if image_id in chosen else jpegs.get(image_id)
            if jpeg is not None:
                budget_bytes -= len(jpeg)
                if budget_bytes < 0:
                    return done
                chosen[image_id] = jpeg
            done += 1
    return done


@dataclass(frozen=True, eq=False)
class ClassImages:
    """One class at a glance.

    Attributes:
        sheet: JPEG of some of its images side by side, or None without any image.
        mean: JPEG of the mean of its images, each squashed to 64 x 64, or None.
        sheet_images, mean_images: how many images went into each.
    """

    sheet: bytes | None
    sheet_images: int
    mean: bytes | None
    mean_images: int


def class_sheets(image_ids: Sequence[str], num_classes: int, thumbnails: Thumbnails) -> ClassImages:
    """Contact sheet and mean image of a class from up to 200 of its images, spread evenly over ``image_ids``."""
    limit = max(4, min(MEAN_IMAGES_PER_CLASS, MEAN_IMAGES // max(1, num_classes)))
    tiles = max(8, min(24, SHEET_TILES // max(1, num_classes) // 8 * 8))
    chosen = _spread(image_ids, limit)
    jpeg_of = thumbnails(chosen)
    jpegs = [jpeg_of[image_id] for image_id in chosen if image_id in jpeg_of]
    squashed = [pixels for jpeg in jpegs if (pixels := _squashed(jpeg)) is not None]
    shown = [tile for jpeg in _spread(jpegs, tiles) if (tile := _tile(jpeg)) is not None]
    mean = np.stack(squashed).mean(axis=0) if squashed else None
    return ClassImages(
        sheet=_sheet(shown) if shown else None,
        sheet_images=len(shown),
        mean=None if mean is None else _jpeg(Image.fromarray(np.rint(mean).astype(np.uint8)), 90),
        mean_images=len(squashed),
    )


def _spread(items: Sequence[Item], limit: int) -> list[Item]:
    if len(items) <= limit:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, limit).astype(int)]


def opened(jpeg: bytes, edge: int) -> Image.Image | None:
    """An image from its bytes, upright, RGB, decoded no larger than needed for ``edge`` pixels; None where they are not an image."""
    try:
        image = Image.open(io.BytesIO(jpeg))
        image.draft("RGB", (edge, edge))
        return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError):
        return None


def _squashed(jpeg: bytes) -> ByteArray | None:
    image = opened(jpeg, MEAN_SIZE)
    return None if image is None else np.asarray(image.resize((MEAN_SIZE, MEAN_SIZE), Image.Resampling.BOX))


def _tile(jpeg: bytes) -> Image.Image | None:
    image = opened(jpeg, TILE)
    return None if image is None else ImageOps.fit(image, (TILE, TILE), Image.Resampling.BILINEAR)


def _sheet(tiles: Sequence[Image.Image]) -> bytes:
    across = min(8 if len(tiles) > 8 else 4, len(tiles))
    down = -(-len(tiles) // across)
    sheet = Image.new("RGB", (across * TILE, down * TILE), (128, 128, 128))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % across * TILE, i // across * TILE))
    return _jpeg(sheet, 78)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
