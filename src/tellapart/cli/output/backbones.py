"""What ``tellapart backbones`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned
from tellapart.cli.terminal import Answer, Line

if TYPE_CHECKING:
    from tellapart.commands.backbones import BackbonesResult, ListedBackbone

HEAD = ("backbone", "weights", "parameters", "input", "license", "images/s here", "pretrained")
LEGEND = (
    "images/s: measured here with reading and mirror image; --measure measures the network alone",
    "offline, download the weights yourself: --backbone NAME --weights FILE",
)


def backbones_output(result: BackbonesResult) -> Answer:
    """One line per network, then how to use one."""
    lines: list[Line] = [*aligned([HEAD, *(_row(one) for one in result.backbones)]), ""]
    if len(result.backbones) == 1:
        lines.append(result.backbones[0].command)
    else:
        lines.append("tellapart train FOLDER --backbone NAME; which one suits your images: --recipe auto --backbone NAME")
    return [*lines, *LEGEND], result.as_dict()


def _row(one: ListedBackbone) -> list[str]:
    size = "" if one.parameters is None else f"{one.parameters / 1e6:.1f} M"
    rate = "" if one.images_per_s is None else f"{one.images_per_s:.3g}"
    return [one.name, one.source, size, f"{one.image_size} px", one.license or "not known", rate, one.family]
