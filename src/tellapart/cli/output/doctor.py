"""What ``tellapart doctor`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count, data_size

if TYPE_CHECKING:
    from tellapart.commands.doctor import DoctorResult


def doctor_output(result: DoctorResult) -> Answer:
    """One line per subject, and the problems last."""
    cache, torch = result.cache, result.torch
    gpu = (torch.cuda or ("Apple" if torch.mps else "none")) if torch else "none"
    lines: list[Line] = [
        f"tellapart {result.tellapart}, Python {result.python}, {result.platform}",
        "packages:  " + ", ".join(f"{name} {version or 'missing'}" for name, version in result.versions.items()),
        f"processor: {count(result.processor.cores or 1, 'core')}, {' '.join(result.processor.features) or 'no known vector extensions'}",
        f"training:  networks divide each batch among {count(result.processor.cores or 1, 'core')}, "
        "and their last digits depend on that number; probes and predictions do not",
        f"torch:     {'compatible' if torch and torch.fits_torchvision else 'NOT compatible'} with torchvision, GPU {gpu}",
        f"cache:     {cache.folder}, {data_size(cache.size_bytes)}{'' if cache.can_be_written else ', NOT writable'}",
        "backbones: "
        + ", ".join(f"{name} {'ready' if is_installed else 'missing'}" for name, is_installed in result.backbones.items())
        + "; any other timm name with --weights or from the hub",
    ]
    lines += [Styled(f"problem:   {problem}", fg="red") for problem in result.problems] or [Styled("no problems", fg="green")]
    return lines, result.as_dict()
