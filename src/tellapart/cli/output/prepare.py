"""What ``tellapart prepare`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.cli.formatting import aligned, first_lines, several, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count


def prepare_output(found: dict[str, Any]) -> Answer:
    """A row a part, what was left out and why, and where the files lie."""
    rows = [["part", "images", "classes", "files"]]
    for name, part in found["parts"].items():
        classes = several([f"{label} {count:,}" for label, count in part["classes"].items()]) or "no labels"
        files = [names[0] if len(names) == 1 else f"{names[0]} ... ({count(len(names), 'shard')})" for names in part["files"].values()]
        rows.append([name, f"{part['images']:,}", classes, several(files)])
    lines: list[Line] = [*aligned(rows)]
    if left_out := found["left_out"]:
        lines.append(f"{len(left_out):,} left out (left_out.csv):")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in left_out.items()])
    lines.append(Styled(shown(Path(found["out"])), bold=True, after=f"  ({found['size_bytes'] / 1e6:,.1f} MB)"))
    return lines, found
