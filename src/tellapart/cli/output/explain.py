"""What ``tellapart explain`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.terminal import Answer, Styled

if TYPE_CHECKING:
    pass
from tellapart.cli.output.tables import percent_or_blank


def explain_output(found: dict[str, Any]) -> Answer:
    """What is said of each image, the files that could not be read, and where the sheet lies."""
    lines = first_lines([f"{one['class']:<20} {percent_or_blank(one['probability']):>7}  {one['path']}" for one in found["images"]])
    lines += first_lines([f"  {path}  ({reason})" for path, reason in found["unreadable"].items()])
    return [*lines, Styled(shown(Path(found["out"])), bold=True)], found
