"""Makers of photo folders for the tests: classes a small backbone can tell apart, planted copies, and a hash of all that lies there."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tests import sample_images

KINDS = ("dots", "plain", "stripes")


def class_image(kind: str, seed: int, side: int = 144) -> Image.Image:
    """A photo-like image with many dots, with stripes, or with neither; everything else is random."""
    rng = np.random.default_rng([KINDS.index(kind), seed])
    image = Image.fromarray(sample_images.photo_pixels(int(rng.integers(1 << 30)), side, side * 3 // 4))
    draw = ImageDraw.Draw(image)
    color = tuple(int(c) for c in rng.integers(0, 256, 3))
    if kind == "dots":
        for x, y in rng.uniform(0, side, (25, 2)):
            draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=color)
    if kind == "stripes":
        step, lean = int(rng.integers(14, 24)), int(rng.integers(-40, 40))
        for x in range(-40, side + 40, step):
            draw.line((x, 0, x + lean, side), fill=color, width=5)
    return image


def class_photo(kind: str, seed: int, side: int = 144) -> bytes:
    """The same as a JPEG."""
    return sample_images.encoded(class_image(kind, seed, side), quality=90)


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below ``folder`` and give it back."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def some_of(photos: Path, to: Path, each: int, kinds: tuple[str, ...] = KINDS, start: int = 0) -> Path:
    """Copy ``each`` images of each class to another folder; their features are in the session's cache."""
    for kind in kinds:
        (to / kind).mkdir(parents=True, exist_ok=True)
        for path in sorted((photos / kind).iterdir())[start : start + each]:
            shutil.copy2(path, to / kind / path.name)
    return to


def contents(folder: Path) -> dict[str, str]:
    """sha256 and time of change of every file of the user's below ``folder``; our own ``.tellapart`` left out."""
    found = {}
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".tellapart"]
        for name in names:
            path = Path(where, name)
            if path.is_file():
                found[str(path)] = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}"
    return found
