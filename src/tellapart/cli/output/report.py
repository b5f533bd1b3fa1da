"""What ``tellapart report`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.cli.formatting import shown
from tellapart.cli.terminal import Answer

if TYPE_CHECKING:
    pass


def report_output(path: Path) -> Answer:
    """Where the report lies."""
    return [shown(path)], {"report": str(path)}
