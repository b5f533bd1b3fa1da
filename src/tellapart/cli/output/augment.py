"""What ``tellapart augment`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    pass


def augment_output(found: dict[str, Any]) -> Answer:
    """How many images went in and came out, which were left out and why, and where the result lies."""
    lines: list[Line] = [f"{count(found['originals'], 'photo')}, {count(found['copies'], 'varied copy', 'varied copies')}"]
    left_out = found["left_out"]
    if left_out:
        lines.append(f"{len(left_out):,} left out:")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in left_out.items()])
    lines.append(Styled(shown(Path(found["out"])), bold=True))
    return lines, found
