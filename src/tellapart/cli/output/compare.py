"""What ``tellapart compare`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, number, share
from tellapart.cli.terminal import Answer, Line, Styled

if TYPE_CHECKING:
    from tellapart.evaluation import Comparison
from tellapart.cli.output.tables import signed_points


def compare_output(comparison: Comparison) -> Answer:
    """The scores of both runs, the verdict, both differences, and the number of images that only one run got right."""
    content = comparison.as_dict()
    first, second = comparison.names
    scores = comparison.scores or ()
    rows = [
        (letter, name, model, share(score.accuracy), number(score.log_loss))
        for letter, name, model, score in zip("AB", comparison.names, comparison.models, scores, strict=False)
    ]
    lines: list[Line] = [
        *aligned([("", "run", "model", "accuracy", "log loss"), *rows]),
        Styled(comparison.verdict, bold=True),
        f"B minus A, accuracy: {comparison.accuracy.points()}, McNemar p = {comparison.p_value:.3g}",
        f"B minus A, log loss: {signed_points(comparison.log_loss)}",
        f"right only by A ({first}): {len(comparison.right_to_wrong):,}; only by B ({second}): {len(comparison.wrong_to_right):,}",
    ]
    return lines, content
