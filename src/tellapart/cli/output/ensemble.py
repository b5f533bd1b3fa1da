"""What ``tellapart ensemble`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import several
from tellapart.cli.terminal import Answer

if TYPE_CHECKING:
    from tellapart.run_folder import Run
from tellapart.cli.output.tables import percent_or_blank
from tellapart.cli.output.train import train_output


def ensemble_output(run: Run) -> Answer:
    """The weight of each run, and what ``train`` prints."""
    lines, content = train_output(run)
    selection = run.metrics.selection
    members = [f"{member.name} {percent_or_blank(member.weight)}" for member in (selection.runs if selection else [])]
    return [f"weights: {several(members, most=12)}", *lines], content
