"""Contact sheet of an augmentation: augmented images, and the effect of each option alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tellapart.array_types import ByteArray, FloatArray
from tellapart.augmentation.policy import COLUMNS, PRESETS, Augmentation
from tellapart.reports.contact_sheet import FAINT, INK, MARGIN, PAPER, TILE, write_line

ACROSS = 8
DRAWS = ACROSS - 1
GAP, WIDE_GAP, PAIR_GAP = 8, 20, 5
WIDTH = ACROSS * TILE + WIDE_GAP + (ACROSS - 2) * GAP
SHOWN = Augmentation(
    flip=True,
    vertical_flip=True,
    rotation=20,
    shift=0.1,
    shear=15,
    zoom=0.2,
    crop=0.5,
    brightness=0.3,
    contrast=0.3,
    color=0.5,
    noise=0.08,
    erasing=0.25,
)
"""The values at which options are shown that the augmentation leaves out."""


@dataclass(frozen=True, eq=False)
class SheetClass:
    """Images of one class: its name, their squares uint8 (n, 136, 136, 3), and their draws, float64 (7, n, 20)."""

    name: str
    squares: ByteArray
    draws: FloatArray


@dataclass(frozen=True, eq=False)
class _Tile:
    """One option at one extreme."""

    heading: str
    caption: str
    square: ByteArray
    is_used: bool


def augmentation_sheet(augmentation: Augmentation, title: str, classes: Sequence[SheetClass]) -> Image.Image:
    """The sheet as an RGB image: for each class its images as rows, the original first, then every option alone.

    Args:
        augmentation: what is drawn.
        title: what the user calls it.
        classes: at least one, with at least one image.
    """
    tiles = _option_tiles(augmentation, max((square for one in classes for square in one.squares), key=_sharpness))
    rows = sum(len(one.squares) for one in classes)
    lower = -(-len(tiles) // ACROSS)
    height = 2 * MARGIN + 94 + 42 * len(classes) + rows * (TILE + GAP) + 94 + lower * (TILE + 58)
    sheet = Image.new("RGB", (WIDTH + 2 * MARGIN, height), PAPER)
    pen = _Pen(sheet)
    is_explained = str(augmentation) != title
    pen.write(title, 26, INK, line=34 if is_explained else 46)
    if is_explained:
        pen.write(str(augmentation).replace(",", ",  "), 14, FAINT)
    pen.columns("the original", "seven draws")
    for one in classes:
        pen.write(one.name, 17, INK, line=28)
        for number, square in enumerate(one.squares):
            drawn = [augmentation.drawn(square[None], one.draws[epoch, number][None])[0] for epoch in range(DRAWS)]
            pen.row([square, *drawn])
            pen.y += TILE + GAP
        pen.y += 14
    pen.y += 6
    pen.write("Each option alone", 20, INK, line=30)
    pen.write("at its two extremes; in black what is on above, in gray what is off", 14, FAINT, line=24)
    pen.write(_probabilities(augmentation), 14, FAINT, line=34)
    for start in range(0, len(tiles), ACROSS):
        pen.captioned_row(tiles[start : start + ACROSS])
    return sheet.crop((0, 0, sheet.width, pen.y + MARGIN // 2))


class _Pen:
    """Writes and pastes from the top of a sheet downwards; ``y`` is where it stands, in pixels."""

    def __init__(self, sheet: Image.Image) -> None:
        self.sheet, self.drawing, self.y = sheet, ImageDraw.Draw(sheet), MARGIN

    def write(self, text: str, size: int, ink: tuple[int, int, int], *, line: int = 34) -> None:
        """A line of text from the left margin, cut to the sheet's width."""
        write_line(self.drawing, (MARGIN, self.y), text, size, ink, self.sheet.width - 2 * MARGIN)
        self.y += line

    def columns(self, first: str, rest: str) -> None:
        """What stands in the first column, and what in the others."""
        write_line(self.drawing, (MARGIN, self.y), first, 13, FAINT, TILE)
        write_line(self.drawing, (MARGIN + TILE + WIDE_GAP, self.y), rest, 13, FAINT, TILE)
        self.y += 26

    def row(self, squares: Sequence[ByteArray]) -> None:
        """Squares side by side, the first one apart."""
        for column, square in enumerate(squares):
            self.sheet.paste(Image.fromarray(square), (MARGIN + column * (TILE + GAP) + (WIDE_GAP - GAP if column else 0), self.y))

    def captioned_row(self, tiles: Sequence[_Tile]) -> None:
        """Squares in pairs, with what they show above and below."""
        between_pairs = (WIDTH - ACROSS * TILE - ACROSS // 2 * PAIR_GAP) // (ACROSS // 2 - 1)
        for column, tile in enumerate(tiles):
            left = MARGIN + column * TILE + -(-column // 2) * PAIR_GAP + column // 2 * between_pairs
            write_line(self.drawing, (left, self.y), tile.heading, 15, INK if tile.is_used else FAINT, 2 * TILE)
            self.sheet.paste(Image.fromarray(tile.square), (left, self.y + 24))
            write_line(self.drawing, (left, self.y + 24 + TILE + 3), tile.caption, 13, FAINT, TILE)
        self.y += TILE + 58


def _option_tiles(augmentation: Augmentation, square: ByteArray) -> list[_Tile]:
    """Two a option, in reading order; options that are off are shown at the values of ``SHOWN``."""

    def value(name: str) -> float:
        return float(getattr(augmentation, name) or getattr(SHOWN, name))

    def tile(name: str, caption: str, draws: Mapping[str, float], *, is_first: bool = True, fill: str = augmentation.fill) -> _Tile:
        is_switch = isinstance(getattr(SHOWN, name), bool)
        chosen: dict[str, Any] = {"fill": fill, name: bool(value(name)) if is_switch else value(name)}
        heading = (name if is_switch else f"{name}={value(name):g}") if is_first else ""
        square_then = replace(PRESETS["none"], **chosen).drawn(square[None], _draws(draws))[0]
        return _Tile(heading, caption, square_then, bool(getattr(augmentation, name)))

    def both(name: str, low: str, high: str, *columns: str) -> list[_Tile]:
        names = columns or (name,)
        return [tile(name, low, dict.fromkeys(names, 0.0)), tile(name, high, dict.fromkeys(names, 1.0), is_first=False)]

    def fills(fill: str) -> _Tile:
        turned = tile("rotation", "where it was turned", {"rotation": 1.0}, fill=fill)
        return replace(turned, heading=f"fill={fill}", is_used=augmentation.fill == fill)

    degrees = {name: (f"-{value(name):g}°", f"+{value(name):g}°") for name in ("rotation", "shear")}
    times = {name: (f"{1 - value(name):g} times", f"{1 + value(name):g} times") for name in ("zoom", "brightness", "contrast", "color")}
    share = f"{100 * (1 - value('crop')):.0f} %"
    corner = {"crop_area": 1.0, "crop_aspect": 0.0, "crop_x": 0.0, "crop_y": 0.0}
    hidden = {"erasing": 0.0, "erased_area": 0.0, "erased_x": 0.3, "erased_y": 0.3}
    return [
        tile("flip", "mirrored", {"flip": 0.0}),
        tile("vertical_flip", "upside down", {"vertical_flip": 0.0}),
        *both("rotation", *degrees["rotation"]),
        *both("shift", "left and up", "right and down", "shift_x", "shift_y"),
        *both("shear", *degrees["shear"]),
        *both("zoom", *times["zoom"]),
        tile("crop", f"{share} of it, tall", corner),
        tile("crop", f"{share} of it, wide", dict.fromkeys(corner, 1.0), is_first=False),
        *(tile_of_pair for name in ("brightness", "contrast", "color") for tile_of_pair in both(name, *times[name])),
        *both("noise", "one draw", "another"),
        tile("erasing", "2 % of it", hidden),
        tile("erasing", "20 % of it", {**hidden, "erased_area": 1.0, "erased_x": 0.7, "erased_y": 0.6}, is_first=False),
        fills("reflect"),
        fills("black" if augmentation.fill != "nearest" else "nearest"),
    ]


def _probabilities(augmentation: Augmentation) -> str:
    """How often each option is applied."""
    flips = [name for name in ("flip", "vertical_flip") if getattr(augmentation, name)]
    some = [f"{name} with probability 0.5" for name in flips]
    some += [f"erasing with probability {augmentation.erasing:g}"] if augmentation.erasing else []
    return "; ".join([*some, "all others for every image, uniformly between the extremes"])


def _sharpness(square: ByteArray) -> float:
    """Mean change from pixel to pixel: options are shown on an image in which one sees something."""
    return float(np.abs(np.diff(square.astype(np.int16), axis=1)).mean())


def _draws(columns: Mapping[str, float]) -> FloatArray:
    """One row of draws (1, 20), neutral but for those named."""
    row = np.full((1, len(COLUMNS)), 0.5)
    row[0, COLUMNS.index("erasing")] = 1.0
    for name, draw in columns.items():
        row[0, COLUMNS.index(name)] = draw
    return row
