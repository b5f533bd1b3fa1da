"""What ``tellapart augment`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.augment import AugmentResult


def augment_output(result: AugmentResult) -> Answer:
    """How many images were read and written, which were left out and why, and where the result is."""
    lines: list[Line] = [f"{count(result.originals, 'image')}, {count(result.copies, 'augmented copy', 'augmented copies')}"]
    if result.left_out:
        lines.append(f"{len(result.left_out):,} left out:")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in result.left_out.items()])
    lines.append(Styled(shown(result.out), bold=True))
    return lines, result.as_dict()
