"""A contact sheet: many images on one, each with a caption and, where something was decided about it, a colored frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

from tellapart.array_types import ByteArray
from tellapart.reports.figures.svg import LIGHT
from tellapart.reports.thumbnail_budget import opened

Frame: TypeAlias = Literal["kept", "set aside"]

INK, FAINT, PAPER = (27, 31, 36), (140, 146, 154), (250, 250, 248)
EMPTY = (232, 233, 236)
TILE, BORDER, GAP, MARGIN = 136, 4, 10, 32
CAPTION, CAPTION_LINES, LINE = 13, 2, 17
MOST_TILES, MOST_CHARACTERS = 800, 400
FRAMES: dict[Frame, tuple[int, ...]] = {
    "kept": ImageColor.getrgb(LIGHT["accent"]),
    "set aside": ImageColor.getrgb(LIGHT["wrong"]),
}


@dataclass(frozen=True, eq=False)
class Tile:
    """One image of a sheet.

    Attributes:
        image: pixels uint8 (height, width, 3), or the bytes of an image file; None leaves the place empty.
        caption: up to two lines, each cut to the width of the tile.
        frame: its outcome, as a color; None draws no frame.
    """

    image: ByteArray | bytes | None
    caption: str = ""
    frame: Frame | None = None


def contact_sheet(tiles: Sequence[Tile], *, columns: int = 8, title: str = "", has_key: bool = True) -> Image.Image:
    """The sheet as an RGB image: a title, what the frames mean and how many there are, then the tiles in rows.

    Images keep their shape. A sheet holds at most 800 tiles and says how many were left out: put first what matters.

    Args:
        tiles: any number; bytes that are not an image leave the place empty.
        columns: tiles in a row, at least 1.
        title: the line on top.
        has_key: whether the colors of the frames are explained below it.
    """
    shown = tiles[:MOST_TILES]
    across = max(1, columns)
    key = _key(tiles) if has_key else []
    lines = max((len(_caption_lines(tile)) for tile in shown), default=0)
    step = TILE + 2 * BORDER + lines * LINE + GAP + (6 if lines else 0)
    top = MARGIN + (42 if title else 0) + (34 if key else 0)
    height = top + max(1, -(-len(shown) // across)) * step + MARGIN - GAP
    sheet = Image.new("RGB", (2 * MARGIN + across * (TILE + 2 * BORDER + GAP) - GAP, height), PAPER)
    _write_head(ImageDraw.Draw(sheet), title, key)
    for number, tile in enumerate(shown):
        left = MARGIN + number % across * (TILE + 2 * BORDER + GAP)
        _put(sheet, tile, left, top + number // across * step)
    return sheet


def write_line(drawing: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, ink: tuple[int, ...], room: int) -> int:
    """Write one line with its upper left corner ``at``, cut to ``room`` pixels; gives its width in pixels."""
    font = ImageFont.load_default(size)
    line = " ".join(text[:MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8").splitlines())
    while line and drawing.textlength(line, font) > room:
        line = line.removesuffix("...")[:-1] + "..."
        if line == "...":
            break
    drawing.text(at, line, fill=ink, font=font)
    return round(drawing.textlength(line, font))


def _caption_lines(tile: Tile) -> list[str]:
    return [line for line in tile.caption.splitlines() if line.strip()][:CAPTION_LINES]


def _key(tiles: Sequence[Tile]) -> list[tuple[str, tuple[int, ...] | None]]:
    """What stands under the title: the number of tiles of each frame, and how many are not shown."""
    counts = Counter(tile.frame for tile in tiles)
    key: list[tuple[str, tuple[int, ...] | None]] = [(f"{counts[frame]:,} {frame}", FRAMES[frame]) for frame in FRAMES if counts[frame]]
    if len(tiles) > MOST_TILES:
        key.append((f"the first {MOST_TILES:,} of {len(tiles):,} are shown", None))
    return key


def _write_head(drawing: ImageDraw.ImageDraw, title: str, key: Sequence[tuple[str, tuple[int, ...] | None]]) -> None:
    y, room = MARGIN, int(drawing.im.size[0]) - 2 * MARGIN
    if title:
        write_line(drawing, (MARGIN, y), title, 24, INK, room)
        y += 42
    x = MARGIN
    for words, color in key:
        if color:
            drawing.rectangle((x + 1, y + 1, x + 13, y + 13), outline=color, width=BORDER)
            x += 22
        x += write_line(drawing, (x, y - 2), words, 15, INK, max(0, MARGIN + room - x)) + 26


def _put(sheet: Image.Image, tile: Tile, left: int, top: int) -> None:
    drawing, edge = ImageDraw.Draw(sheet), TILE + 2 * BORDER
    drawing.rectangle((left, top, left + edge - 1, top + edge - 1), fill=EMPTY)
    image = _image(tile.image)
    if image is None:
        drawing.line((left, top + edge - 1, left + edge - 1, top), fill=FAINT)
    else:
        sheet.paste(image, (left + (edge - image.width) // 2, top + (edge - image.height) // 2))
    if tile.frame:
        drawing.rectangle((left, top, left + edge - 1, top + edge - 1), outline=FRAMES[tile.frame], width=BORDER)
    for number, line in enumerate(_caption_lines(tile)):
        ink = INK if number == 0 else FAINT
        write_line(drawing, (left, top + edge + 4 + number * LINE), line, CAPTION, ink, edge)


def _image(source: ByteArray | bytes | None) -> Image.Image | None:
    if source is None:
        return None
    image = opened(source, TILE) if isinstance(source, bytes) else Image.fromarray(source).convert("RGB")
    return None if image is None else ImageOps.contain(image, (TILE, TILE), Image.Resampling.BICUBIC)
