"""How much memory one image may take while it is decoded, decided from its header."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tellapart.errors import ImageError

MOST_BYTES = 200_000_000
"""An image that needs more than this to decode is refused."""

LOCK_BYTES = 32_000_000
"""Images that need more than this are decoded one at a time, so two threads stay under 300 MB together."""

_one_at_a_time = threading.Lock()


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
    """Hold the right to decode: refuse what is too big, wait for the turn of what is big, let the rest through.

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
            _give_back_memory()


def _give_back_memory() -> None:
    """Have glibc return freed memory to the system: it keeps up to a whole big image for each thread otherwise (measured: 190 MB)."""
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
