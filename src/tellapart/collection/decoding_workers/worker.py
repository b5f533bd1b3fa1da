"""A decoding process: reads images from stdin and writes the results to stdout; started by worker_pool.py.

It lives as long as its stdin is open, ignores Ctrl-C and the other signals that its collector answers, and has limits on
memory and processor time, so that an image made to harm takes down this process and nothing else.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from tellapart.collection.decoding_workers.ingest import CropHook, ingest_image
from tellapart.collection.decoding_workers.ipc import READY, DecodingSettings, frame, pack_message, read_frame
from tellapart.errors import OptionError

SPARE_CPU_S = 2
"""Seconds of processor time beyond the time limit before the system ends a process whose collector is gone."""


def main() -> None:
    """Serve until stdin ends."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    settings = DecodingSettings.from_text(sys.argv[1])
    answers = _own_output()
    try:
        hook = None if settings.crop is None else loaded_hook(settings.crop)
    except OptionError as error:
        answers.write(frame(str(error).encode("utf-8", "backslashreplace")))
        return
    _warm_up()
    limit_memory(settings.memory_limit_bytes)
    answers.write(frame(READY))
    while (body := read_frame(sys.stdin.buffer)) is not None:
        limit_processor_time(settings.timeout_s)
        answers.write(frame(pack_message(ingest_image(body, side=settings.side, hook=hook))))


def loaded_hook(crop: str) -> CropHook:
    """The function that ``module:function`` names; the module may be in the current folder.

    Raises:
        OptionError: there is none.
    """
    module, _, name = crop.partition(":")
    if not module or not name:
        raise OptionError(f"the crop hook {crop!r} is not of the form module:function")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        hook: CropHook | None = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # somebody else's module may raise anything
        raise OptionError(f"the crop hook {crop!r} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(hook):
        raise OptionError(f"the crop hook {crop!r}: {module} has no function {name}")
    return hook


def _own_output() -> BinaryIO:
    """The pipe to the collector; whatever else writes to stdout or stderr from now on is lost, and cannot garble it."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
    return answers


def _warm_up() -> None:
    """Load what decoding loads on use, so that the memory limit counts images only."""
    for name in ("JPEG", "PNG"):
        file = BytesIO()
        Image.fromarray(np.zeros((160, 160, 3), np.uint8)).save(file, name)
        ingest_image(file.getvalue(), side=80)
    with suppress(ImportError):
        importlib.import_module("PIL.ImageCms")


def limit_memory(limit_bytes: int) -> None:
    """Limit the memory of this process to ``limit_bytes`` more than now (if the system has such limits)."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + limit_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_processor_time(timeout_s: float) -> None:
    """End this process soon after the time limit, even if the collector no longer runs."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime + timeout_s + SPARE_CPU_S)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    main()
