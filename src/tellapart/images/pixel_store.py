"""The pixel store: every image decoded and resized to a square once, then read by index and never all in memory.

The store has one folder per size and resize policy. Each holds segments: ``<name>.pixels`` (the squares one after another,
uint8 height x width x 3) and, written last, ``<name>.json`` with their image ids and a checksum. Squares are read with
``pread``, so the memory of a training does not grow with the number of images.
"""

from __future__ import annotations

import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from tellapart.array_types import ByteArray, IntArray
from tellapart.atomic_files import checksum_of, read_sealed, replacing, write_sealed
from tellapart.counts import count
from tellapart.errors import StorageError

FORMAT = 2
MAX_OPEN_FILES = 256
"""Segments that stay open during a training."""


@dataclass(frozen=True)
class PixelStore:
    """The squares of one size and resize policy.

    Attributes:
        root: the folder of all stores.
        size: side of a square in pixels.
        resize: the resize policy.
    """

    root: Path
    size: int
    resize: str

    @property
    def folder(self) -> Path:
        """The folder of this store's segments."""
        return self.root / f"{self.resize}-{self.size}-{FORMAT}"

    @property
    def square_bytes(self) -> int:
        """Bytes per square."""
        return 3 * self.size * self.size

    def image_ids(self) -> set[str]:
        """Ids of all stored images."""
        return {image_id for _, ids in self._segments() for image_id in ids}

    def write(self, image_ids: Sequence[str], pixels: ByteArray) -> None:
        """Add squares atomically.

        Args:
            image_ids: m ids.
            pixels: uint8 (m, size, size, 3).
        """
        if not image_ids:
            return
        name = uuid.uuid4().hex
        with replacing(self.folder / f"{name}.pixels") as partial, partial.open("wb") as file:
            file.write(np.ascontiguousarray(pixels).data)
        data = np.ascontiguousarray(pixels).data
        write_sealed(self.folder / f"{name}.json", {"crc32": zlib.crc32(data), "image_ids": list(image_ids)})

    def open(self, image_ids: Sequence[str]) -> Pixels:
        """Open the squares of these images, in this order.

        Raises:
            StorageError: an image is missing.
        """
        index_of = {image_id: number for number, image_id in enumerate(dict.fromkeys(image_ids))}
        files: list[Path] = []
        locations = np.full((len(index_of), 2), -1, dtype=np.int64)
        for path, ids in self._segments():
            for row, image_id in enumerate(ids):
                if image_id in index_of:
                    locations[index_of[image_id]] = (len(files), row)
            files.append(path)
        numbers = np.array([index_of[image_id] for image_id in image_ids], dtype=np.int64)
        if len(locations) and locations.min() < 0:
            raise StorageError(
                f"{count(int((locations[:, 0] < 0).sum()), 'image is', 'images are')} missing in {self.folder}",
                hint="run the same command again",
            )
        return Pixels(self.size, files, locations[numbers])

    def _segments(self) -> list[tuple[Path, list[str]]]:
        """The complete segments with their image ids."""
        segments = []
        for manifest in sorted(self.folder.glob("[!.]*.json")):
            path = manifest.with_suffix(".pixels")
            try:
                ids: list[str] = read_sealed(manifest)["image_ids"]
                if path.stat().st_size == len(ids) * self.square_bytes:
                    segments.append((path, ids))
            except (OSError, KeyError, TypeError):
                continue
        return segments

    def remove_damaged(self, image_ids: set[str]) -> set[str]:
        """Check every segment with some of these images, delete the damaged ones and return the ids that are lost with them."""
        lost: set[str] = set()
        for path, ids in self._segments():
            if image_ids.isdisjoint(ids) or checksum_of(path) == read_sealed(path.with_suffix(".json"))["crc32"]:
                continue
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            lost |= image_ids & set(ids)
        return lost - self.image_ids()


class Pixels:
    """The squares of n images, read on demand; thread-safe. A context manager."""

    def __init__(self, size: int, files: Sequence[Path], locations: IntArray) -> None:
        self.size = size
        self._place = locations
        used = set(locations[:, 0].tolist())
        self._paths = {number: path for number, path in enumerate(files) if number in used}
        self._handles = {number: os.open(path, os.O_RDONLY) for number, path in list(self._paths.items())[:MAX_OPEN_FILES]}

    def __len__(self) -> int:
        return len(self._place)

    def take(self, rows: IntArray) -> ByteArray:
        """Read the squares of rows (m,): uint8 (m, size, size, 3)."""
        squares = np.empty((len(rows), self.size, self.size, 3), dtype=np.uint8)
        length = 3 * self.size * self.size
        for square, (number, row) in zip(squares, self._place[rows].tolist(), strict=True):
            with self._handle(number) as handle:
                if os.preadv(handle, [square.data.cast("B")], row * length) != length:
                    raise StorageError("a file of the pixel store was truncated while it was read", hint="run the same command again")
        return squares

    @contextmanager
    def _handle(self, number: int) -> Iterator[int]:
        """The open file of a segment; of very many only the first stay open, as open files per process are limited."""
        if number in self._handles:
            yield self._handles[number]
            return
        handle = os.open(self._paths[number], os.O_RDONLY)
        try:
            yield handle
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close the files."""
        for handle in self._handles.values():
            os.close(handle)
        self._handles = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
