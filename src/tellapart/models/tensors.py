"""Writing tensors: safetensors' own errors about the disk are said as the system says them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def disk_errors() -> Iterator[None]:
    """Within, a failure of safetensors to write is the ``OSError`` behind it.

    Raises:
        OSError: full disk, read-only place and the like.
    """
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        found = re.search(r"os error (\d+)", str(error))
        if found is None:
            raise
        number = int(found.group(1))
        raise OSError(number, os.strerror(number)) from error
