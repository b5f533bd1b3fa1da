"""What ``tellapart export`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.terminal import Answer, Styled
from tellapart.counts import count


def export_output(found: dict[str, Any]) -> Answer:
    """How many images were written, what was left out and why, and where they lie."""
    classes = ", ".join(f"{number:,} {name}" for name, number in found["classes"].items())
    lines = [f"{count(found['images'], 'image')}" + (f": {classes}" if classes else "")]
    if found["left_out"]:
        lines.append(f"{len(found['left_out']):,} left out:")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in found["left_out"].items()])
    return [*lines, *found["notes"], Styled(shown(Path(found["out"])), bold=True)], found
