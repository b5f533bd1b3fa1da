"""What ``tellapart train`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import shown
from tellapart.cli.terminal import Answer, Line, Styled

if TYPE_CHECKING:
    from tellapart.run_folder import Run
from tellapart.cli.output.tables import ladder_lines, leak_lines, learning_curve_lines, search_lines, split_variance_lines, training_lines


def train_output(run: Run) -> Answer:
    """Baselines and model on each reported part, the effect of the split and of more data, and the path of the report."""
    metrics = run.metrics
    lines: list[Line] = []
    for part in ("test", "val"):
        if part in metrics:
            lines += ladder_lines(part, metrics[part])
    data = metrics["data"]
    lines.append(
        f"{data['used']:,} of {data['files']:,} files used; {data['unreadable']:,} unreadable,"
        f" {data['set_aside']:,} excluded (reasons in the report)"
    )
    lines += search_lines(metrics) + training_lines(metrics) + split_variance_lines(metrics)
    lines += learning_curve_lines(metrics) + leak_lines(metrics["leak"])
    lines += [f"model:  {shown(run.model_folder)}", Styled(shown(run.report), before="report: ", bold=True)]
    return lines, run.summary()
