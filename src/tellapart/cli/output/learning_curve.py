"""What ``tellapart learning-curve`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tellapart.cli.terminal import Answer
from tellapart.counts import count

if TYPE_CHECKING:
    pass
from tellapart.cli.output.tables import learning_curve_lines, percent_or_blank


def learning_curve_output(found: dict[str, Any]) -> Answer:
    """A line a size, and what twice the photos promise."""
    lines = [
        f"{found['recipe']}, judged on {count(found['n'], found['part'] + ' photo')}",
        f"  {'training photos':>15}  accuracy, each draw",
    ]
    for point in found["points"]:
        lines.append(f"  {point['n_train']:>15,}  " + "  ".join(percent_or_blank(value) for value in point["accuracy"]))
    return [*lines, *learning_curve_lines({"learning_curve": found})], found
