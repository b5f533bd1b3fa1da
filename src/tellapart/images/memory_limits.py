"""The limits on the size of an image file, and on the memory that decoding it may take, checked from its header."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tellapart.atomic_files import regular_file
from tellapart.errors import ImageError

MOST_BYTES = 200_000_000
"""Images that need more bytes than this to decode are refused."""

LOCK_BYTES = 32_000_000
"""Images that need more bytes than this are decoded one at a time, so that two threads stay under 300 MB."""

MOST_FILE_BYTES = 1 << 29
"""Files larger than this are not read: no image that can be decoded is."""

_one_at_a_time = threading.Lock()


def image_bytes(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        ImageError: the file is larger than :data:`MOST_FILE_BYTES`.
        OSError: there is no file, it is not a regular file, or it cannot be read.
    """
    check_file_size(regular_file(path).stat().st_size)
    return path.read_bytes()


def check_file_size(size_bytes: int) -> None:
    """Refuse a file that is too large for an image.

    Raises:
        ImageError: it is larger than :data:`MOST_FILE_BYTES`.
    """
    if size_bytes > MOST_FILE_BYTES:
        raise ImageError(f"a file of {size_bytes / 1e6:,.0f} MB is too large to read (limit {MOST_FILE_BYTES / 1e6:,.0f} MB)")


def check_memory(width: int, height: int, bytes_needed: int) -> None:
    """Refuse an image of ``width`` x ``height`` pixels that needs ``bytes_needed`` bytes while decoding.

    Raises:
        ImageError: more than :data:`MOST_BYTES`; the message says how many pixels would be allowed.
    """
    if bytes_needed > MOST_BYTES:
        limit = width * height * MOST_BYTES / bytes_needed / 1e6
        raise ImageError(f"{width:,} x {height:,} pixels are too many to decode safely (limit {limit:.0f} million for a file like this)")


@contextmanager
def memory_for(width: int, height: int, bytes_needed: int) -> Iterator[None]:
    """Refuse images that are too large to decode; decode large ones one at a time, and small ones at once.

    Raises:
        ImageError: as :func:`check_memory`.
    """
    check_memory(width, height, bytes_needed)
    if bytes_needed <= LOCK_BYTES:
        yield
        return
    with _one_at_a_time:
        try:
            yield
        finally:
            _trim_memory()


def _trim_memory() -> None:
    """Make glibc return freed memory to the system; otherwise it keeps up to one large image per thread (190 MB measured)."""
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
