"""What ``tellapart train`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count, data_size
from tellapart.durations import duration_text

if TYPE_CHECKING:
    from tellapart.run_folder import Run
    from tellapart.workflows.training_plan import TrainingPlan
from tellapart.cli.output.tables import (
    decision_lines,
    ladder_lines,
    leak_lines,
    learning_curve_lines,
    search_lines,
    split_variance_lines,
    training_lines,
    unusual_lines,
)


def train_output(result: Run | TrainingPlan) -> Answer:
    """The scores of a run and the path of its report; or what it would cost."""
    from tellapart.run_folder import Run

    return _run_output(result) if isinstance(result, Run) else _plan_output(result)


def _plan_output(plan: TrainingPlan) -> Answer:
    """One line per stage: how fast, how long, how much memory and disk; and the sum."""
    cached = f", {plan.cached:,} of them read already" if plan.cached else ""
    lines: list[Line] = [
        f"{plan.recipe}: {count(plan.files, 'file')}{cached}",
        f"{'stage':<44}{'images/s':>9}{'time':>12}{'memory':>9}{'disk':>9}",
    ]
    for stage in plan.stages:
        speed = f"{stage.images_per_s:,.0f}" if stage.images_per_s else "-"
        lines.append(
            f"{stage.name:<44}{speed:>9}{duration_text(stage.seconds):>12}{data_size(stage.memory_bytes):>9}{data_size(stage.disk_bytes):>9}"
        )
    total = f"{'together':<44}{'':>9}{duration_text(plan.seconds):>12}{data_size(plan.memory_bytes):>9}{data_size(plan.disk_bytes):>9}"
    lines += [Styled(total, bold=True), f"free on the disk of the cache: {data_size(plan.free_bytes)}"]
    if plan.disk_bytes > plan.free_bytes:
        lines.append(Styled("that is not enough: choose another disk with TELLAPART_CACHE", fg="yellow"))
    return [*lines, plan.more_images], plan.as_dict()


def _run_output(run: Run) -> Answer:
    """Baselines and model on each reported part, the effect of the split and of more data, and the path of the report."""
    metrics = run.metrics
    lines: list[Line] = []
    for name, part in metrics.parts.items():
        more = unusual_lines(part.familiarity, part.prediction_sets) + decision_lines(part.decision)
        lines += ladder_lines(name, part) + [f"  {line}" for line in more]
    if data := metrics.data:
        lines.append(
            f"{data.used:,} of {count(data.files, 'file')} used; {data.unreadable:,} unreadable,"
            f" {data.set_aside:,} excluded (reasons in the report)"
        )
    lines += search_lines(metrics.search) + training_lines(metrics) + split_variance_lines(metrics.split_sensitivity)
    lines += learning_curve_lines(metrics.learning_curve.twice if metrics.learning_curve else None) + leak_lines(metrics.leak)
    lines += [f"model:  {shown(run.model_folder)}", Styled(shown(run.report), before="report: ", bold=True)]
    return lines, run.as_dict()
