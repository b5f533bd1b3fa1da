"""Images in memory (paths, bytes, open files, PIL images and arrays) as a dataset."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tellapart.array_types import ByteArray
from tellapart.dataset.dataset import Dataset, absolute_path
from tellapart.dataset.entry import Entry
from tellapart.dataset.table_columns import PATH_NAMES, plain_name
from tellapart.errors import DataError, reason_of

KINDS = "a path, bytes, a PIL image, or a uint8 array of height x width x 3 or height x width"
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_NAMED = 6
_OTHER_MODES = {"HSV": "RGB", "RGBa": "RGBA", "La": "LA", "PA": "RGBA"}
"""Modes of Pillow that no file holds without loss, and those that do."""


def is_in_memory(image: Any) -> bool:
    """Whether it is one image that is not named by a path."""
    return isinstance(image, bytes | bytearray | memoryview | Image.Image) or _is_pixels(image) or hasattr(image, "read")


def image_list(images: Any) -> list[Any]:
    """Several images as a list; an array of n images (n, height, width[, channels]) is taken apart.

    Raises:
        DataError: it is one image or may be one, or nothing that images can be taken from in a known order, or it is empty.
    """
    is_batch = _is_pixels(images) and (images.ndim == 4 or (images.ndim == 3 and images.shape[-1] not in (1, 3, 4)))
    if isinstance(images, str | os.PathLike):
        is_folder = Path(images).is_dir()
        hint = f'give its files in a list: sorted(Path({str(images)!r}).rglob("*.jpg"))' if is_folder else "put it into a list"
        raise DataError(f"several paths are wanted, got the one {'folder' if is_folder else 'path'} {str(images)!r}", hint=hint)
    if is_batch and images.ndim == 3 and images.shape[0] in (3, 4):
        raise DataError(
            f"an array of shape {tuple(images.shape)} is {images.shape[0]} gray images, or one image with its channels first",
            hint=f"give list(array), or [{_channels_last(images)}]",
        )
    if is_in_memory(images) and not is_batch:
        raise DataError(f"several images are wanted, got one {_kind(images)}", hint="put it into a list")
    if isinstance(images, Mapping) or hasattr(images, "columns"):  # iterating gives keys and names of columns, not images
        names = [str(name) for name in images]
        raise DataError(
            f"several images are wanted, got a {type(images).__name__} of {', '.join(map(repr, names[:_NAMED])) or 'nothing'}",
            hint="give what holds the images, a column or a value of it"
            + (f": table[{path!r}]" if (path := next((name for name in names if plain_name(name) in PATH_NAMES), None)) else ""),
        )
    if not isinstance(images, Iterable) or getattr(images, "shape", None) == ():
        raise DataError(f"several images are wanted, got a {type(images).__name__}", hint=f"give a list; each image is {KINDS}")
    if isinstance(images, Set) and not isinstance(images, KeysView):
        raise DataError(f"several images are wanted, got a {type(images).__name__}, which has no order", hint="give a list: sorted(files)")
    several = list(images)
    if not several:
        raise DataError("no images were given", hint=f"give files in a list; each image is {KINDS}")
    return several


@contextmanager
def in_memory_dataset(images: Sequence[Any]) -> Iterator[Dataset]:
    """A data set of images in the order given; paths are kept absolute, images in memory are called ``image 1`` and so on.

    Images in memory are written to a temporary folder within the block, without loss. An array is uint8, or floats from 0 to 1.

    Raises:
        DataError: one is not an image; the message names it and gives the reason.
    """
    with tempfile.TemporaryDirectory(prefix="tellapart-") as folder:
        entries = []
        for number, image in enumerate(images, start=1):
            name = f"image {number}"
            if isinstance(image, str | os.PathLike):
                path = absolute_path(image)
            else:
                path = name
                _write(image, name, Path(folder, name))
            entries.append(Entry(path=path, label=None))
        yield Dataset(Path(folder), tuple(entries))


def _write(image: Any, name: str, file: Path) -> None:
    if isinstance(image, bytes | bytearray | memoryview):
        file.write_bytes(image)
    elif hasattr(image, "read"):
        file.write_bytes(_content(image, name))
    else:
        image = image if isinstance(image, Image.Image) else Image.fromarray(_pixels(image, name))
        try:
            image = ImageOps.exif_transpose(image)
            image = image.convert(_OTHER_MODES[image.mode]) if image.mode in _OTHER_MODES else image
            image.save(file, **({"format": "PNG", "compress_level": 1} if image.mode in PNG_MODES else {"format": "TIFF"}))
        except (OSError, ValueError, SyntaxError) as error:
            raise DataError(f"{name}, a PIL image, cannot be read: {reason_of(error)}") from error


def _content(file: Any, name: str) -> bytes:
    """All bytes of an open file, from its beginning where that can be reached.

    Raises:
        DataError: it was opened as text.
    """
    if not isinstance(file, io.TextIOBase):
        if getattr(file, "seekable", lambda: False)():
            file.seek(0)
        content = file.read()
        if isinstance(content, bytes):
            return content
    raise DataError(f"{name} is a file opened as text", hint='open it with open(path, "rb")')


def _pixels(image: Any, name: str) -> ByteArray:
    """An array as uint8 (height, width) or (height, width, 3 or 4).

    Raises:
        DataError: it has another shape, or a range of values in which white is not defined.
    """
    if not _is_pixels(image):
        raise DataError(f"{name} is a {type(image).__name__}", hint=f"an image is {KINDS}")
    values = np.asarray(image)
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.size == 0 or not (values.ndim == 2 or (values.ndim == 3 and values.shape[-1] in (3, 4))):
        is_turned = values.ndim == 3 and values.shape[0] in (1, 3, 4)
        hint = f"its channels come first: give {_channels_last(image)}" if is_turned else f"an image is {KINDS}"
        raise DataError(f"{name} is an array of shape {values.shape}", hint=hint)
    top = values.max()
    if 0 < top <= (1 if values.dtype == np.uint8 else 1 / 255) and values.dtype != np.bool_:
        raise DataError(
            f"{name} is an array of {values.dtype} from {values.min()} to {top}, so it is black",
            hint="give uint8 from 0 to 255, or floats from 0 to 1; it may have been divided by 255 once too often",
        )
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype == np.bool_ or (values.dtype.kind == "f" and bool(((values >= 0) & (values <= 1)).all())):
        return np.rint(255 * values.astype(np.float64)).astype(np.uint8)
    raise DataError(
        f"{name} is an array of {values.dtype} from {values.min()} to {values.max()}, so the value of white is not known",
        hint=_to_known_white(values),
    )


def _to_known_white(values: NDArray[Any]) -> str:
    """What makes an array of an unknown range one whose white is known, for a hint."""
    if not np.isfinite(values).all():
        return "replace what is not a finite number: np.nan_to_num(array)"
    if values.min() < 0:
        return "undo its normalization, array * std + mean, and give floats from 0 to 1"
    if values.max() > 255:  # astype("uint8") would wrap around
        return "divide by the value of white, such as array / 65535, and give floats from 0 to 1"
    return 'give uint8 from 0 to 255, array.astype("uint8"), or floats from 0 to 1'


def _channels_last(image: Any) -> str:
    """How an array (channels, height, width) is turned to (height, width, channels), in the words of its library."""
    return "tensor.permute(1, 2, 0)" if hasattr(image, "permute") else "array.transpose(1, 2, 0)"


def _is_pixels(image: Any) -> bool:
    """Whether it is an array of numbers, of numpy or of a library like it.

    Raises:
        DataError: it is one that numpy cannot read, such as a tensor on a GPU or with gradients.
    """
    if isinstance(image, str | bytes | Image.Image) or not hasattr(image, "__array__") or not hasattr(image, "shape"):
        return False
    try:
        values = np.asarray(image)
    except (TypeError, RuntimeError, ValueError) as error:
        hint = "give tensor.detach().cpu().float().numpy()" if hasattr(image, "detach") else f"an image is {KINDS}"
        raise DataError(f"a {type(image).__name__} cannot be read as an array: {error}", hint=hint) from error
    return values.dtype.kind in "buif" and values.ndim > 0


def _kind(image: Any) -> str:
    if isinstance(image, bytes | bytearray | memoryview):
        return "image as bytes"
    if isinstance(image, Image.Image):
        return "PIL image"
    return f"array of shape {image.shape}" if _is_pixels(image) else "open file"
