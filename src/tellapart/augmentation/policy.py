"""Data augmentation; every draw is a function of seed, epoch and image.

All geometric changes of an image are one affine matrix, so one interpolation; see color_jitter for the colors.

>>> parse_augmentation("light").rotation
10
>>> parse_augmentation("flip,rotation=20") == Augmentation(flip=True, rotation=20)
True
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.array_types import ByteArray, FloatArray, IntArray
from tellapart.augmentation.affine import Size, height_and_width, warp
from tellapart.augmentation.color_jitter import add_noise, erase_rectangle, jitter_color
from tellapart.augmentation.counter_rng import uniforms
from tellapart.errors import OptionError, closest_name
from tellapart.options import Options, dataclass, option

FILLS = ("reflect", "nearest", "black")
COLUMNS = (
    "flip",
    "vertical_flip",
    "rotation",
    "shift_x",
    "shift_y",
    "shear",
    "zoom",
    "crop_area",
    "crop_aspect",
    "crop_x",
    "crop_y",
    "brightness",
    "contrast",
    "color",
    "noise",
    "erasing",
    "erased_area",
    "erased_aspect",
    "erased_x",
    "erased_y",
)
"""What each column of the draws decides; 0.5 is neutral except for ``crop_*``, ``erased_*`` and ``noise``."""
_COLUMN = {name: number for number, name in enumerate(COLUMNS)}
_WIDEST = 4 / 3


@dataclass(frozen=True, kw_only=True)
class Augmentation(Options):
    """How images are augmented. Names and ranges are those known from Keras; all but the flip is off by default."""

    flip: bool = option(True, "Flip half of the images, left to right.")
    vertical_flip: bool = option(False, "Flip half of the images, top to bottom.")
    rotation: float = option(0.0, "Rotate by up to this many degrees, in either direction.", minimum=0, maximum=180)
    shift: float = option(0.0, "Shift by up to this share of the side, horizontally and vertically.", minimum=0, maximum=0.9)
    shear: float = option(0.0, "Shear by up to this many degrees, in either direction.", minimum=0, maximum=60)
    zoom: float = option(0.0, "Scale by up to this share: 0.2 for 0.8 to 1.2 times.", minimum=0, maximum=0.9)
    crop: float = option(0.0, "Crop at random (place and aspect ratio), removing up to this share of the area.", minimum=0, maximum=0.95)
    brightness: float = option(0.0, "Multiply the brightness by 1 plus or minus up to this.", minimum=0, maximum=1)
    contrast: float = option(0.0, "Multiply the contrast by 1 plus or minus up to this.", minimum=0, maximum=1)
    color: float = option(0.0, "Multiply the saturation by 1 plus or minus up to this.", minimum=0, maximum=1)
    noise: float = option(0.0, "Add Gaussian noise of this standard deviation, as a share of the full range.", minimum=0, maximum=1)
    erasing: float = option(0.0, "Probability of random erasing: a rectangle of 2 to 20 % of the area becomes gray.", minimum=0, maximum=1)
    fill: str = option("reflect", "How to fill what a rotation, shift or zoom leaves empty.", choices=FILLS)

    @property
    def flips_only(self) -> bool:
        """Whether nothing but flips, or nothing at all, ever happens."""
        return self == Augmentation(flip=self.flip, vertical_flip=self.vertical_flip, fill=self.fill)

    @property
    def is_nothing(self) -> bool:
        """Whether every image stays as it is."""
        return self.flips_only and not self.flip and not self.vertical_flip

    def __str__(self) -> str:
        """The words :func:`parse_augmentation` understands, without names of presets."""
        chosen = [f for f in fields(self) if f.name != "fill" and getattr(self, f.name)]
        words = [f.name if getattr(self, f.name) is True else f"{f.name}={getattr(self, f.name):g}" for f in chosen]
        return ",".join([*words, *([f"fill={self.fill}"] if self.fill != "reflect" else [])]) or "none"

    def matrices(self, draws: FloatArray, size: Size, out_size: Size | None = None) -> NDArray[np.float64]:
        """The affine matrix of each image, float64 (n, 2, 3): x, y of a pixel of the result to x, y of the source.

        Crop, zoom, shear, rotation, shift and flips, composed about the image's center.

        Args:
            draws: float64 (n, 20) in [0, 1), see ``COLUMNS``.
            size: side, or height and width, of the source in pixels.
            out_size: those of the result; by default the same.
        """
        height, width = height_and_width(size)
        tall, wide = height_and_width(out_size) if out_size is not None else (height, width)
        draw = {name: np.asarray(draws, np.float64)[:, number] for name, number in _COLUMN.items()}
        share_x, share_y = self._crop_shares(draw["crop_area"], draw["crop_aspect"])
        enlarged = 1 + _signed(draw["zoom"]) * self.zoom
        angle, lean = (np.radians(_signed(draw[name]) * limit) for name, limit in (("rotation", self.rotation), ("shear", self.shear)))
        cos, sin, slope = np.cos(angle), np.sin(angle), np.tan(lean)
        mirror = np.where(self.flip & (draw["flip"] < 0.5), -1.0, 1.0)
        upside = np.where(self.vertical_flip & (draw["vertical_flip"] < 0.5), -1.0, 1.0)
        per_x, per_y = share_x * width / wide / enlarged, share_y * height / tall / enlarged
        matrices = np.empty((len(mirror), 2, 3))
        matrices[:, 0, 0] = mirror * per_x * cos
        matrices[:, 0, 1] = mirror * per_y * (cos * slope - sin)
        matrices[:, 1, 0] = upside * per_x * sin
        matrices[:, 1, 1] = upside * per_y * (sin * slope + cos)
        off_x = ((draw["crop_x"] - 0.5) * (1 - share_x) - _signed(draw["shift_x"]) * self.shift) * width
        off_y = ((draw["crop_y"] - 0.5) * (1 - share_y) - _signed(draw["shift_y"]) * self.shift) * height
        center = np.array([(wide - 1) / 2, (tall - 1) / 2])
        matrices[:, 0, 2] = (width - 1) / 2 + mirror * off_x - matrices[:, 0, :2] @ center
        matrices[:, 1, 2] = (height - 1) / 2 + upside * off_y - matrices[:, 1, :2] @ center
        return matrices

    def augmented(self, pixels: ByteArray, keys: IntArray, *, seed: int, epoch: int, out_size: Size | None = None) -> NDArray[np.uint8]:
        """Augmented images, uint8 (n, h, w, 3) to a new uint8 (n, o, o, 3); each a function of its pixels, its key, seed and epoch.

        Args:
            pixels: uint8 (n, h, w, 3); not changed.
            keys: uint64 (n,), see :func:`tellapart.augmentation.counter_rng.image_keys`.
            seed: of everything random.
            epoch: the pass over the images.
            out_size: side, or height and width, of the result; by default those of ``pixels``. Bilinear, so no less than about two thirds.
        """
        return self.drawn(pixels, uniforms(seed, epoch, keys, len(COLUMNS)), out_size=out_size)

    def drawn(self, pixels: ByteArray, draws: FloatArray, *, out_size: Size | None = None) -> NDArray[np.uint8]:
        """Like :meth:`augmented`, for draws float64 (n, 20) chosen by the caller, see ``COLUMNS``."""
        height, width = pixels.shape[1:3]
        result = warp(pixels, self.matrices(draws, (height, width), out_size), out_size=out_size, fill=self.fill)
        if self.brightness or self.contrast or self.color or self.noise or self.erasing:
            for number, draw in enumerate(draws):
                result[number] = self._retouched(result[number], draw)
        return result

    def _retouched(self, image: ByteArray, draws: FloatArray) -> ByteArray:
        """One image with its light, colors, noise and erased rectangle, from its draws (20,)."""
        draw = {name: float(draws[number]) for name, number in _COLUMN.items()}
        factors = {name: 1 + (2 * draw[name] - 1) * getattr(self, name) for name in ("brightness", "contrast", "color")}
        image = jitter_color(image, **factors)
        if self.noise:
            image = add_noise(image, 255 * self.noise, draw["noise"])
        if draw["erasing"] < self.erasing:
            image = erase_rectangle(image, *(draw[f"erased_{name}"] for name in ("area", "aspect", "x", "y")))
        return image

    def _crop_shares(self, area: FloatArray, aspect: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shares of width and height that crops keep: an area of at least ``1 - crop``, a shape of 3/4 to 4/3 where that fits in."""
        remaining = 1 - area * self.crop
        across = np.minimum(np.sqrt(remaining * _WIDEST ** _signed(aspect)), 1)
        down = np.minimum(remaining / across, 1)
        return np.minimum(remaining / down, 1), down


def _signed(draw: FloatArray) -> FloatArray:
    """Draws in [0, 1) as numbers in [-1, 1)."""
    return 2 * draw - 1


PRESETS: Mapping[str, Augmentation] = MappingProxyType(
    {
        "none": Augmentation(flip=False),
        "flip": Augmentation(),
        "light": Augmentation(rotation=10, shift=0.08, zoom=0.1, brightness=0.1, contrast=0.1),
        "strong": Augmentation(rotation=20, shift=0.1, shear=10, zoom=0.2, crop=0.3, brightness=0.2, contrast=0.2, color=0.2, erasing=0.25),
    }
)
"""Augmentations with a name."""
_SWITCH = {"yes": True, "on": True, "true": True, "1": True, "no": False, "off": False, "false": False, "0": False}


def parse_augmentation(words: str) -> Augmentation:
    """The augmentation of words such as ``light``, ``none``, ``flip,rotation=20,zoom=0.2`` or ``strong,erasing=0``.

    A preset may stand first; without one everything is off that is not named.

    Raises:
        OptionError: unknown words, or values that do not fit; all of them at once.
    """
    parts = [part.strip() for part in re.split(r"[,\s]+", words.strip().strip(",")) if part.strip()]
    base, problems, values = PRESETS["none"], [], dict[str, Any]()
    names = {f.name: f for f in fields(Augmentation)}
    hint = None
    if parts and parts[0] in PRESETS and "=" not in parts[0]:
        base = PRESETS[parts.pop(0)]
    elif not parts:
        problems.append("there is no augmentation named")
    for part in parts:
        name, equals, text = part.partition("=")
        if name in PRESETS and name not in names:
            problems.append(f"{name!r} is a preset and must stand first, alone of its kind")
        elif name not in names:
            problems.append(f"there is no augmentation {name!r}")
            hint = hint or closest_name(name, [*names, *PRESETS])
        else:
            value = _value(type(names[name].default), text if equals else None)
            if value is None:
                problems.append(f"{name} must be {_WANTED[type(names[name].default)]}, got {part!r}")
            else:
                values[name] = value
    try:
        result = replace(base, **values)
    except OptionError as error:
        problems += str(error).splitlines()
    if problems:
        choices = f"presets: {', '.join(PRESETS)}; single ones: {', '.join(names)}"
        raise OptionError("\n".join(problems), hint=hint or choices)
    return result


_WANTED = {bool: "named alone, or =yes or =no", float: "a number, such as rotation=20", str: f"one of {', '.join(FILLS)}"}


def _value(kind: type, text: str | None) -> Any:
    """The value of an option's text, or None where it is none."""
    if kind is bool:
        return True if text is None else _SWITCH.get(text.lower())
    if kind is str:
        return text
    try:
        return float(text or "")
    except ValueError:
        return None
