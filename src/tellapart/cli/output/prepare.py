"""What ``tellapart prepare`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, first_lines, several, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count, data_size

if TYPE_CHECKING:
    from tellapart.commands.prepare import PrepareResult


def prepare_output(result: PrepareResult) -> Answer:
    """One row per part, what was left out and why, and where the files are."""
    rows = [["part", "images", "classes", "files"]]
    for name, part in result.parts.items():
        classes = several([f"{label} {number:,}" for label, number in part.classes.items()]) or "no labels"
        files = [names[0] if len(names) == 1 else f"{names[0]} ... ({count(len(names), 'shard')})" for names in part.files.values()]
        rows.append([name, f"{part.images:,}", classes, several(files)])
    lines: list[Line] = [*aligned(rows)]
    if result.left_out:
        lines.append(f"{len(result.left_out):,} left out (left_out.csv):")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in result.left_out.items()])
    lines.append(Styled(shown(result.out), bold=True, after=f"  ({data_size(result.size_bytes)})"))
    return lines, result.as_dict()
