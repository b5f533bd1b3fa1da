"""Sheet of Grad-CAM and occlusion maps: each image beside its heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from tellapart.array_types import ByteArray, FloatArray
from tellapart.reports.contact_sheet import FAINT, INK, MARGIN, PAPER, write_line

SIDE, GAP, HEAD, CAPTION = 280, 14, 64, 52
STRONGEST = 0.75
"""Opacity of the hottest place."""


@dataclass(frozen=True, eq=False)
class Explained:
    """One image as the network sees it, uint8 (s, s, 3), what is said of it, and heat maps float32 (s, s) by name."""

    pixels: ByteArray
    title: str
    detail: str
    maps: dict[str, FloatArray]


def explanation_sheet(images: Sequence[Explained], *, title: str) -> Image.Image:
    """The images below each other as RGB; in each map the hottest place is the one that counts most in that image."""
    names = list(dict.fromkeys(name for image in images for name in image.maps))
    width = 2 * MARGIN + (1 + len(names)) * (SIDE + GAP) - GAP
    step = SIDE + CAPTION + GAP
    sheet = Image.new("RGB", (width, MARGIN + HEAD + len(images) * step + MARGIN - GAP), PAPER)
    drawing = ImageDraw.Draw(sheet)
    write_line(drawing, (MARGIN, MARGIN), title, 24, INK, width - 2 * MARGIN)
    for column, name in enumerate(["what the network sees", *names]):
        write_line(drawing, (MARGIN + column * (SIDE + GAP), MARGIN + 40), name, 14, FAINT, SIDE)
    for row, image in enumerate(images):
        top = MARGIN + HEAD + row * step
        sheet.paste(_sized(image.pixels), (MARGIN, top))
        for column, name in enumerate(names, start=1):
            if name in image.maps:
                sheet.paste(_sized(overlaid(image.pixels, image.maps[name])), (MARGIN + column * (SIDE + GAP), top))
        write_line(drawing, (MARGIN, top + SIDE + 5), image.title, 15, INK, width - 2 * MARGIN)
        write_line(drawing, (MARGIN, top + SIDE + 26), image.detail, 13, FAINT, width - 2 * MARGIN)
    return sheet


def overlaid(pixels: ByteArray, heat: FloatArray) -> ByteArray:
    """uint8 (s, s, 3) ``pixels`` in gray under the heat (s, s), where anything below 0 is cold; a flat map colors nothing."""
    import cv2

    warm = np.maximum(heat, 0)
    share = warm / warm.max() if warm.max() > 0 else np.zeros_like(warm)
    colors = cv2.applyColorMap(np.rint(255 * share).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1].astype(np.float32)
    gray = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    opacity = (STRONGEST * np.sqrt(share))[..., None]
    return np.asarray(np.rint(opacity * colors + (1 - opacity) * gray), dtype=np.uint8)


def _sized(pixels: ByteArray) -> Image.Image:
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
