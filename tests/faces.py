"""A real face for the tests: the portrait of Eileen Collins (NASA, public domain) that scikit-image ships."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

from tellapart.array_types import ByteArray
from tests import sample_images

FACE = (175, 60, 270, 178)
"""Left, top, right, bottom of the face in the portrait of 512 x 512 pixels, by eye; eyes at about (205, 105) and (248, 105)."""


def shipped(name: str) -> ByteArray:
    """The pixels of an image of scikit-image's."""
    found = importlib.util.find_spec("skimage")
    assert found is not None
    assert found.origin is not None
    with Image.open(Path(found.origin).parent / "data" / name) as image:
        return np.array(image.convert("RGB"))


def portrait() -> ByteArray:
    """uint8 (512, 512, 3)."""
    return shipped("astronaut.png")


def placed(width: int, height: int, *faces: tuple[int, int, float], seed: int = 0) -> ByteArray:
    """An image with the astronaut's head at some places: left, top, and how many times its size in the portrait."""
    image = Image.fromarray(sample_images.photo_pixels(seed, width, height)[:height, :width]).resize((width, height))
    head = Image.fromarray(portrait()[20:270, 110:340])
    for left, top, times in faces:
        image.paste(head.resize((round(230 * times), round(250 * times)), Image.Resampling.BICUBIC), (left, top))
    return np.array(image)
