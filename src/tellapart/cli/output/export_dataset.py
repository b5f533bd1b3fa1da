"""What ``tellapart export-dataset`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.terminal import Answer, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.export_dataset import ExportDatasetResult


def export_dataset_output(result: ExportDatasetResult) -> Answer:
    """How many images were written, what was left out and why, and where they are."""
    classes = ", ".join(f"{number:,} {name}" for name, number in result.classes.items())
    lines = [f"{count(result.images, 'image')}" + (f": {classes}" if classes else "")]
    if result.left_out:
        lines.append(f"{len(result.left_out):,} left out:")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in result.left_out.items()])
    return [*lines, *result.notes, Styled(shown(result.out), bold=True)], result.as_dict()
