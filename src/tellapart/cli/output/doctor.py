"""What ``tellapart doctor`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tellapart.cli.terminal import Answer, Line, Styled

if TYPE_CHECKING:
    pass


def doctor_output(found: dict[str, Any]) -> Answer:
    """A line a subject, and the problems last."""
    processor, cache, torch = found["processor"], found["cache"], found["torch"]
    graphics = torch.get("cuda") or ("Apple" if torch.get("mps") else "none")
    lines: list[Line] = [
        f"tellapart {found['tellapart']}, Python {found['python']}, {found['platform']}",
        "packages:  " + ", ".join(f"{name} {version or 'missing'}" for name, version in found["versions"].items()),
        f"processor: {processor['cores']} cores, {' '.join(processor['features']) or 'no known vector features'}",
        f"torch:     {'fits' if torch.get('fits_torchvision') else 'does NOT fit'} torchvision, GPU {graphics}",
        f"cache:     {cache['folder']}, {cache['size_bytes'] / 1e6:,.0f} MB{'' if cache['can_be_written'] else ', NOT writable'}",
        "backbones: "
        + ", ".join(f"{name} {'ready' if here else 'missing'}" for name, here in found["backbones"].items())
        + "; any other timm name with --weights or from the hub",
    ]
    lines += [Styled(f"problem:   {problem}", fg="red") for problem in found["problems"]] or [Styled("all well", fg="green")]
    return lines, found
