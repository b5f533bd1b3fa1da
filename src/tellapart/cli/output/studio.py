"""What ``tellapart studio`` prints once it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.terminal import Answer
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.studio import StudioResult


def studio_output(result: StudioResult) -> Answer:
    """How many batches of decisions were made, and how to undo them."""
    if not result.batches:
        return ["nothing was decided"], result.as_dict()
    steps = count(len(result.batches), "step")
    return [f"{steps} decided (tellapart decisions {result.folder} lists them)"], result.as_dict()
