"""Tune glibc's malloc to keep freed memory.

By default glibc returns every large block to the system and asks for it again; a network on a CPU then spends up
to two thirds of its time in page faults (figures in docs/log.md). One call to ``mallopt`` ends that. It changes
nothing but speed and a little memory, and ``TELLAPART_MALLOC=default`` leaves the allocator alone.
"""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def tune_malloc() -> bool:
    """Keep freed memory within the process; False without glibc, or where the user turned it off."""
    if not sys.platform.startswith("linux") or os.environ.get("TELLAPART_MALLOC") == "default":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
