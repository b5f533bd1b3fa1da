"""Devices that networks run on."""

from __future__ import annotations

import sys
from pathlib import Path

from tellapart.errors import ModelError

ACCELERATORS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""On Linux one of these is there where torch could find a GPU."""


def used_device(device: str) -> str:
    """Resolve ``auto`` to an available device, without loading torch where that can only be the CPU.

    Raises:
        ModelError: the device is not available.
    """
    has_none = sys.platform.startswith("linux") and not any(Path(path).exists() for path in ACCELERATORS)
    if device == "cpu" or (device == "auto" and has_none):
        return "cpu"
    return chosen_device(device)


def chosen_device(device: str) -> str:
    """Resolve ``auto`` to an available device.

    Raises:
        ModelError: the device is not available.
    """
    import torch

    is_available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if is_available[name])
    if not is_available.get(device):
        raise ModelError(
            f"there is no device {device!r} here", hint=f"available: {', '.join(name for name, here in is_available.items() if here)}"
        )
    return device
