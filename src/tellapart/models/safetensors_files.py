"""Files of tensors: what they hold, as a digest; and safetensors' own errors about the disk, said as the system says them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path


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
        match = re.search(r"os error (\d+)", str(error))
        if match is None:
            raise
        number = int(match.group(1))
        raise OSError(number, os.strerror(number)) from error


def tensors_digest(path: Path, prefix: str = "") -> str:
    """sha256 over names, formats, shapes and bytes of the tensors in a safetensors file; no torch is loaded.

    The same tensors have the same digest in whatever file and order, and under whatever ``prefix``, which is left off their names.
    A file is hashed once in a process as long as its stamp stays the same.

    Args:
        path: the file.
        prefix: only tensors whose names begin with it are looked at.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a safetensors file, or is cut off.
    """
    status = os.stat(path)
    return _digest(path, prefix, (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))


@lru_cache(maxsize=64)
def _digest(path: Path, prefix: str, stamp: tuple[int, ...]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= stamp[0]:
            raise ValueError("it is no safetensors file")
        try:
            known = json.loads(file.read(length))
            for name in sorted(name for name in known if name.startswith(prefix) and name != "__metadata__"):
                entry = known[name]
                start, end = entry["data_offsets"]
                file.seek(8 + length + start)
                data = file.read(min(end - start, stamp[0]))
                if len(data) != end - start:
                    raise ValueError("it is cut off")
                digest.update(f"{name.removeprefix(prefix)} {entry['dtype']} {entry['shape']}\n".encode())
                digest.update(data)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError("its header is damaged") from error
    return digest.hexdigest()
