"""What ``tellapart report`` prints."""

from __future__ import annotations

from pathlib import Path

from tellapart.cli.formatting import shown
from tellapart.cli.terminal import Answer


def report_output(path: Path) -> Answer:
    """The path of the report."""
    return [shown(path)], {"report": str(path)}
