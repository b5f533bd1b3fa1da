"""Number format, float32 or bfloat16: chosen by a rule and not by timing, so that the same command gives the same numbers.

Timed at every load, the choice fell differently on a busy machine, and a cold cache held other features than a warm one.
The rule reproduces what timing chose on an idle machine (docs/log.md): bfloat16 where the CPU multiplies in it.
Nothing here loads torch: a run whose features are all cached does not need it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from tellapart.errors import ModelError
from tellapart.options import option

PRECISIONS = ("auto", "float32", "bfloat16")
FAST_FLAGS = {"avx512_bf16", "amx_bf16"}
DEPTHWISE_SIZE = 192
"""Networks with depthwise convolutions train faster in bfloat16 on images of this side and larger only."""


def precision_option(**rules: Any) -> Any:
    """The option ``--precision``; ``rules`` as for :func:`tellapart.options.option`."""
    return option(
        "auto", "Number format of the network: auto takes bfloat16 where this machine is fast in it.", choices=PRECISIONS, **rules
    )


@cache
def has_fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU multiplies in bfloat16; False where it cannot be known."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
    return not FAST_FLAGS.isdisjoint(flags.split())


def used_precision(device: str, *, is_float32_only: bool = False) -> str:
    """What ``auto`` means for features on a device.

    Args:
        device: ``cpu``, ``cuda`` or ``mps``.
        is_float32_only: whether the network runs in nothing else.
    """
    if is_float32_only:
        return "float32"
    if device == "cpu":
        return "bfloat16" if has_fast_bfloat16() else "float32"
    return "float16" if device == "mps" else "bfloat16"


def training_precision(network: Any, image_size: int, device: str, precision: str) -> str:
    """``float32`` or ``bfloat16``, in which a network is trained.

    Args:
        network: a ``torch.nn.Module``.
        image_size: side of the images in pixels.
        device: where it is trained.
        precision: one of ``PRECISIONS``.

    Raises:
        ModelError: bfloat16 is asked for, and the CPU has none.
    """
    if precision == "bfloat16" and device == "cpu":
        check_bfloat16()
    if precision != "auto":
        return precision
    if device != "cpu":
        return "bfloat16"
    is_depthwise = any(getattr(module, "groups", 1) > 1 for module in network.modules())
    return "bfloat16" if has_fast_bfloat16() and (image_size >= DEPTHWISE_SIZE or not is_depthwise) else "float32"


def check_bfloat16() -> None:
    """Check that the CPU can compute in bfloat16.

    Raises:
        ModelError: it cannot.
    """
    import torch

    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise ModelError("this CPU does not compute in bfloat16", hint="--precision float32")
