"""What ``tellapart crop`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import first_lines, several, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.crop import CropResult


def crop_output(result: CropResult) -> Answer:
    """How many crops are kept, who they show, what was left out and why, how much cropping helps, and the files."""
    state = "written" if result.out else "would be kept"
    head = f"{count(result.crops, 'crop')} of {count(result.images, 'image')} {state}"
    lines: list[Line] = [f"{head}; {count(result.set_aside, 'image')} excluded, {result.not_found:,} with nothing detected"]
    for label, sizes in result.people.items():
        if sizes:
            lines.append(f"  {label}: {several(['a person in ' + count(size, 'image') for size in sizes])}")
    if result.left_out:
        lines.append(f"{len(result.left_out):,} could not be read:")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in result.left_out.items()])
    if (benefit := result.benefit) is not None:
        whole, crops = 100 * benefit.whole_images.value, 100 * benefit.crops.value
        lines.append(f"accuracy of a linear probe: {whole:.1f} % on whole images, {crops:.1f} % on crops; {benefit.verdict}")
    lines.append(Styled(shown(result.sheet), before="contact sheet: ", bold=True))
    if result.out:
        lines.append(Styled(shown(result.out), before="crops: ", bold=True))
    else:
        lines.append("nothing else was written; --out DIR keeps the crops")
    return lines, result.as_dict()
