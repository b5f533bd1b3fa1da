"""Large arrays of rows: kept on disk instead of in memory, and read a block of rows at a time.

Features of 400,000 images take 2 GB, and every step that standardizes or rotates them makes as many numbers again. Arrays above
``IN_MEMORY`` bytes are therefore mapped from a nameless file in the cache folder, which vanishes with the process, and whoever reads
one takes a block of rows and then gives its memory back. Smaller sets are one block, whose result is that of the plain expression.
"""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tellapart.array_types import FloatArray, IntArray
from tellapart.atomic_files import storage_error
from tellapart.cache_dir import cache_root

IN_MEMORY = 2**27
"""Bytes up to which an array is in memory."""
BLOCK_BYTES = 2**26
"""Bytes of a block of rows: 13,107 rows of 1,280 float32 values."""


def empty_rows(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """An array (n, ...) whose values are not set, in memory or, above ``IN_MEMORY`` bytes, mapped from a nameless file.

    Raises:
        StorageError: the disk has no room for it.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        return np.empty(shape, dtype)
    folder = cache_root() / "arrays"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            _reserve(file.fileno(), size)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise storage_error(error, folder) from error


def _reserve(file: int, size: int) -> None:
    """Give a file its size on the disk now: a mapped file that finds the disk full later would end the process."""
    try:
        os.posix_fallocate(file, 0, size)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        zeros = bytes(2**20)
        for start in range(0, size, len(zeros)):
            os.write(file, zeros[: size - start])


def row_blocks(values: NDArray[Any], width: int | None = None) -> Iterator[slice]:
    """Slices that cover the rows of an array (n, d), each of at most ``BLOCK_BYTES``; at the end of a block its memory is given back.

    Args:
        values: the array to be read, in memory or on disk.
        width: bytes per row of what is computed from it, where that is more than its own.
    """
    own = values.dtype.itemsize * int(np.prod(values.shape[1:], dtype=np.int64))
    step = max(1, BLOCK_BYTES // max(1, own, width or 0))
    for start in range(0, len(values), step):
        yield slice(start, min(start + step, len(values)))
        release(values)


def is_one_block(values: NDArray[Any]) -> bool:
    """Whether an array (n, ...) is read at once, so that plain expressions on it may be used."""
    return values.nbytes <= BLOCK_BYTES


def release(*arrays: NDArray[Any]) -> None:
    """Give back the memory of arrays that are mapped from a file; their values stay."""
    for array in arrays:
        mapped: Any = array
        while mapped is not None and not isinstance(mapped, mmap.mmap):
            mapped = getattr(mapped, "base", None)
        if mapped is not None and hasattr(mapped, "madvise"):
            mapped.madvise(mmap.MADV_DONTNEED)


def take_rows(values: NDArray[Any], rows: IntArray) -> NDArray[Any]:
    """The rows of an array (n, ...) with these numbers, int (m,), in their order: (m, ...), contiguous."""
    taken = empty_rows((len(rows), *values.shape[1:]), values.dtype)
    for block in row_blocks(taken):
        np.take(values, rows[block], axis=0, out=taken[block])
        release(values)
    return taken


def concatenate_rows(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The rows of several arrays (n_i, ...) below each other."""
    whole = empty_rows((sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype)
    start = 0
    for part in parts:
        for block in row_blocks(part):
            whole[start + block.start : start + block.stop] = part[block]
            release(whole)
        start += len(part)
    return whole


def row_moments(values: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the columns of an array (n, d): float32 (d,) each."""
    if is_one_block(values):
        return values.mean(axis=0), values.std(axis=0)
    total, squares = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for block in row_blocks(values):
        total += values[block].sum(axis=0, dtype=np.float64)
    mean = total / len(values)
    for block in row_blocks(values):
        squares += np.square(values[block] - mean.astype(np.float32)).sum(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.sqrt(squares / len(values)).astype(np.float32)


FLAT = 0.01
"""A column whose standard deviation is at most this share of all columns' mean counts as constant."""
CONSTANT = 1e-6
"""So does one with a standard deviation of at most this."""


def standard_scale(values: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """What to subtract from the columns of an array (n, d) and divide them by to standardize them: float32 (d,) each.

    Columns that count as constant are divided by one: what varies in them is the rounding of the network that made them, and their
    own standard deviation would make it as large as any feature.
    """
    mean, spread = row_moments(values)
    least = max(CONSTANT, FLAT * float(spread.mean())) if len(spread) else CONSTANT
    return mean, np.where(spread > least, spread, np.float32(1.0))
