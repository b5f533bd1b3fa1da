"""What ``tellapart serve`` prints once it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.terminal import Answer
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.serve import ServeResult


def serve_output(result: ServeResult) -> Answer:
    """How many images were answered, and the answers by status code."""
    by_status = ", ".join(f"{number:,} x {status}" for status, number in result.requests.items())
    return [f"{count(result.images, 'image')} answered{f'; answers by status: {by_status}' if by_status else ''}"], result.as_dict()
