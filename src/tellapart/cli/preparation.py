"""What the verbs say that make data sets ready for training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tellapart.cli.columns import aligned
from tellapart.cli.listing import first_lines, several, shown


def of_prepare(found: dict[str, Any]) -> tuple[str, Any]:
    """A row a part, what was left out and why, and where the files lie."""
    rows = [["part", "images", "classes", "files"]]
    for name, part in found["parts"].items():
        classes = several([f"{label} {count:,}" for label, count in part["classes"].items()]) or "no labels"
        files = [names[0] if len(names) == 1 else f"{names[0]} ... ({len(names):,} shards)" for names in part["files"].values()]
        rows.append([name, f"{part['images']:,}", classes, several(files)])
    lines = aligned(rows)
    if left_out := found["left_out"]:
        lines.append(f"{len(left_out):,} left out (left_out.csv):")
        lines += first_lines([f"  {path}  ({reason})" for path, reason in left_out.items()])
    lines.append(f"{click.style(shown(Path(found['out'])), bold=True)}  ({found['size_bytes'] / 1e6:,.1f} MB)")
    return "\n".join(lines), found
