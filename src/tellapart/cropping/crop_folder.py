"""Write a folder of crops, whose manifest records the parent, group and part of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.atomic_files import regular_file
from tellapart.concurrency import parallel_map
from tellapart.cropping.geometry import Box, CropShape, crop_pixels_of
from tellapart.csv_writer import csv_file
from tellapart.errors import ImageError
from tellapart.images import decode
from tellapart.printable import printable

MANIFEST = "metadata.csv"
SET_ASIDE = "set_aside.csv"
COLUMNS = ("path", "label", "part", "group", "parent", "box")
QUALITY = 95
DARKER = 4
"""What the pixels outside a crop are divided by on the contact sheet."""
_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Crop:
    """One crop to write.

    Attributes:
        file: the photo.
        path: of the photo as the data set names it.
        label, part, group: of the photo; None where there is none.
        box: what to cut out; None for the whole photo.
        eyes: (2, 2), see :func:`tellapart.cropping.geometry.crop_pixels_of`; None without a face.
        number: which of several of the same photo, from 1; 0 where there is only one.
    """

    file: Path
    path: str
    label: str | None
    part: str | None
    group: str
    box: Box | None
    eyes: FloatArray | None = None
    number: int = 0


def crop_pixels(crop: Crop, shape: CropShape) -> ByteArray:
    """The pixels of a crop, uint8 (h, w, 3).

    Raises:
        ImageError: the photo cannot be decoded.
        OSError: it cannot be read.
    """
    pixels = decode(regular_file(crop.file).read_bytes()).pixels
    if crop.box is None:
        height, width = pixels.shape[:2]
        return crop_pixels_of(pixels, Box(0, 0, width, height), CropShape(0.0, shape.is_square, size=shape.size))
    return crop_pixels_of(pixels, crop.box, shape, crop.eyes)


def outlined_pixels(crop: Crop, side: int) -> ByteArray:
    """The whole photo with its longer side of ``side`` pixels, what lies outside the crop dark; uint8 (h, w, 3).

    Raises:
        ImageError: the photo cannot be decoded.
        OSError: it cannot be read.
    """
    pixels = decode(regular_file(crop.file).read_bytes()).pixels
    height, width = pixels.shape[:2]
    cropped = crop_pixels_of(pixels, Box(0, 0, width, height), CropShape(0.0, False, size=side))
    if crop.box is None:
        return cropped
    scale, box = max(cropped.shape[:2]) / max(height, width), crop.box
    rows, columns = slice(round(box.top * scale), round(box.bottom * scale)), slice(round(box.left * scale), round(box.right * scale))
    dark = cropped // DARKER
    dark[rows, columns] = cropped[rows, columns]
    return dark


def write_crops(crops: Sequence[Crop], folder: Path, shape: CropShape, advance: Callable[[int], None]) -> tuple[list[str], dict[str, str]]:
    """Write crops (JPEG, quality 95) and ``metadata.csv`` into an empty folder.

    Args:
        crops: in the order of the manifest.
        folder: to be filled.
        shape: of the crops.
        advance: called with the number of crops done.

    Returns:
        The name of each crop, empty where it could not be made; and path and reason of those photos.
    """
    names = _names(crops)
    written: list[str] = []
    left_out: dict[str, str] = {}

    def work(job: tuple[Crop, str]) -> str | None:
        crop, name = job
        try:
            data = _encode_jpeg(crop_pixels(crop, shape))
        except ImageError as error:
            return str(error)
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        return None

    with csv_file(folder / MANIFEST, COLUMNS) as writer:
        for start in range(0, len(crops), _AT_ONCE):
            jobs = list(zip(crops[start : start + _AT_ONCE], names[start : start + _AT_ONCE], strict=True))
            for (crop, name), reason in zip(jobs, parallel_map(work, jobs), strict=True):
                written.append("" if reason else name)
                if reason:
                    left_out[crop.path] = reason
                else:
                    writer.write(_manifest_row(crop, name))
            advance(len(jobs))
    return written, left_out


def write_set_aside(rows: Sequence[tuple[str, str | None, str]], folder: Path) -> None:
    """Write ``set_aside.csv``: path, label and reason of every photo of which no crop was kept."""
    with csv_file(folder / SET_ASIDE, ("path", "label", "reason")) as writer:
        writer.write_all(rows)


def _manifest_row(crop: Crop, name: str) -> dict[str, str]:
    box = str(crop.box) if crop.box is not None else ""
    return dict(zip(COLUMNS, (name, crop.label or "", crop.part or "", crop.group, crop.path, box), strict=True))


def _names(crops: Sequence[Crop]) -> list[str]:
    """Where each crop goes, all different: the photo's path with the ending .jpg."""
    taken = {MANIFEST, SET_ASIDE}
    names = []
    for crop in crops:
        inside = "/".join(printable(part).strip() or "_" for part in PurePosixPath(crop.path).parts if part not in ("/", "..", "."))
        original = PurePosixPath(inside)
        stem = original.stem.encode()[:180].decode(errors="ignore") + (f"-{crop.number}" if crop.number else "")
        name, number = str(original.with_name(f"{stem}.jpg")), 2
        while name in taken:
            name, number = str(original.with_name(f"{stem} {number}.jpg")), number + 1
        taken.add(name)
        names.append(name)
    return names


def _encode_jpeg(pixels: ByteArray) -> bytes:
    import simplejpeg

    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=QUALITY, colorspace="RGB", colorsubsampling="444")
    return encoded
