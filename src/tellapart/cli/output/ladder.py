"""What ``tellapart ladder`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, number, share, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.durations import duration_text

if TYPE_CHECKING:
    from tellapart.part_metrics import StepScores
    from tellapart.run_folder import Run
from tellapart.cli.output.tables import PART_WORDS

LADDER_HEAD = ("", "accuracy (95 %)", "log loss (95 %)", "gain", "p", "time", "images/s", "fixed", "broke")


def ladder_output(run: Run) -> Answer:
    """Each step with its intervals, gain and time, and the number of images it fixed or broke; and which one was saved."""
    metrics = run.metrics
    lines: list[Line] = []
    saved = metrics.ladder.saved if metrics.ladder else ""
    for name, part in metrics.parts.items():
        table = aligned([LADDER_HEAD, *(_ladder_row(rung) for rung in part.rungs)], before="  ")
        lines += [f"{part.n:,} {PART_WORDS[name]}", table[0]]
        lines += [Styled(line, bold=True) if rung.name == saved else line for line, rung in zip(table[1:], part.rungs, strict=True)]
    lines.append(f"saved: {saved}, by its out-of-fold log loss")
    lines += [f"model:  {shown(run.model_folder)}", Styled(shown(run.report), before="report: ", bold=True)]
    return lines, run.as_dict()


def _ladder_row(rung: StepScores) -> list[str]:
    gain, speed, seconds = rung.gain, rung.images_per_s, rung.seconds
    p_value = gain.p_value if gain else None
    return [
        rung.name,
        share(rung.accuracy),
        number(rung.log_loss),
        f"{100 * gain.accuracy.value:+.1f} points" if gain else "",
        "" if p_value is None else "< 0.001" if p_value < 0.001 else f"{p_value:.3f}",
        duration_text(seconds) if seconds else "",
        f"{speed:,.0f}" if speed else "",
        *(f"{changed.n:,}" if changed else "" for changed in (rung.fixed, rung.broke)),
    ]
