"""``.npy`` files that are written row by row and survive a killed process; numpy opens them as memory maps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tellapart.dataset_export.rendering import Square
from tellapart.dataset_export.samples import PartFiles, Rendered, Sample

HEADER = 256
"""Bytes before the first row; the rows begin where a page's cache lines do."""
_BUFFER = 1 << 20


class ArrayFile:
    """One ``.npy`` file of rows of the same shape.

    The header is written last: until then the file is not an array, and nothing takes it for one.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type[np.generic], rows: int = 0) -> None:
        self.path = path
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._row_bytes = int(np.prod(shape, dtype=np.int64)) * self._dtype.itemsize
        self._file: BinaryIO = open(path, "r+b" if path.exists() else "w+b", buffering=_BUFFER)  # noqa: SIM115
        self._file.truncate(HEADER + rows * self._row_bytes)
        self._file.seek(HEADER + rows * self._row_bytes)
        self.rows = rows

    def add(self, row: np.ndarray[Any, np.dtype[Any]]) -> None:
        """Write one more row."""
        self._file.write(np.ascontiguousarray(row, self._dtype).data)
        self.rows += 1

    def sync(self) -> None:
        """Sync all rows to disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Write the header, sync and close."""
        words = (
            f"{{'descr': '{np.lib.format.dtype_to_descr(self._dtype)}', 'fortran_order': False, 'shape': {(self.rows, *self._shape)!r}, }}"
        )
        length = HEADER - 10
        self._file.seek(0)
        self._file.write(np.lib.format.magic(1, 0) + length.to_bytes(2, "little") + words.encode().ljust(length - 1) + b"\n")
        self.sync()
        self._file.close()

    def close(self) -> None:
        """Close the file without completing it."""
        with suppress(OSError):
            self._file.close()


class ArrayStore:
    """The array files of a prepared data set: ``<part>_<size>.npy`` and ``<part>_labels.npy``."""

    saves_every_s = 5.0

    def __init__(self, folder: Path, square: Square, state: Mapping[str, int]) -> None:
        """Open the files as ``state`` (see :meth:`saved`) has them; more in them is cut off."""
        self._folder, self._square = folder, square
        self._files: dict[tuple[str, int | None], ArrayFile] = {}
        for part, rows in state.items():
            self._open(part, rows)

    def render(self, data: bytes, pixels: Mapping[int, Any]) -> Rendered:
        """The arrays of one image, from uint8 (size, size, 3) by size."""
        return {size: self._square.array(square) for size, square in pixels.items()}

    def add(self, sample: Sample, rendered: Rendered) -> bool:
        """Write one image; what was added can be saved at any time."""
        if (sample.part, None) not in self._files:
            self._open(sample.part, 0)
        for size in self._square.sizes:
            self._files[(sample.part, size)].add(rendered[size])
        self._files[(sample.part, None)].add(np.array(sample.target))
        return True

    def saved(self) -> dict[str, int]:
        """Sync everything and return the state to resume from."""
        for file in self._files.values():
            file.sync()
        return {part: file.rows for (part, size), file in self._files.items() if size is None}

    def finish(self) -> dict[str, PartFiles]:
        """Complete all files and return those of each part."""
        files_of_parts: dict[str, PartFiles] = {}
        for (part, size), file in self._files.items():
            file.finish()
            files = files_of_parts.setdefault(part, {"images": file.rows, "files": {}})
            if size is None:
                files["labels"] = file.path.name
            else:
                files["files"][str(size)] = [file.path.name]
        return files_of_parts

    def close(self) -> None:
        """Close the files without completing them."""
        for file in self._files.values():
            file.close()

    def _open(self, part: str, rows: int) -> None:
        dtype = np.float32 if self._square.is_float else np.uint8
        for size in self._square.sizes:
            self._files[(part, size)] = ArrayFile(self._folder / f"{part}_{size}.npy", self._square.shape(size), dtype, rows)
        self._files[(part, None)] = ArrayFile(self._folder / f"{part}_labels.npy", (), np.int64, rows)
