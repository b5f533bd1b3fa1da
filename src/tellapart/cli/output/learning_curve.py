"""What ``tellapart learning-curve`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.terminal import Answer
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.learning_curve import LearningCurveResult
from tellapart.cli.output.tables import learning_curve_lines, percent_or_blank


def learning_curve_output(result: LearningCurveResult) -> Answer:
    """One line per size, and what twice the training images are expected to gain."""
    lines = [
        f"{result.recipe}, evaluated on {count(result.n, f'{result.part} image')}",
        f"  {'training images':>15}  accuracy of each draw",
    ]
    lines += [f"  {point.n_train:>15,}  {'  '.join(percent_or_blank(value) for value in point.accuracy)}" for point in result.points]
    content = result.as_dict()
    return [*lines, *learning_curve_lines(result.twice)], content
