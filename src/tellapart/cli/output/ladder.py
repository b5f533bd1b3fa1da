"""What ``tellapart ladder`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tellapart.cli.formatting import aligned, number, share, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.durations import duration_text

if TYPE_CHECKING:
    from tellapart.run_folder import Run
from tellapart.cli.output.tables import PART_WORDS

LADDER_HEAD = ("", "accuracy (95 %)", "log loss (95 %)", "gain", "p", "time", "images/s", "fixed", "broke")


def ladder_output(run: Run) -> Answer:
    """Each step with its intervals, gain and time, and the number of images it fixed or broke; and which one was saved."""
    metrics = run.metrics
    lines: list[Line] = []
    for part in PART_WORDS:
        if part in metrics:
            rungs = metrics[part]["rungs"]
            table = aligned([LADDER_HEAD, *(_ladder_row(rung) for rung in rungs)], before="  ")
            is_saved = [rung["name"] == metrics["ladder"]["saved"] for rung in rungs]
            lines += [f"{metrics[part]['n']:,} {PART_WORDS[part]}", table[0]]
            lines += [Styled(line, bold=True) if saved else line for line, saved in zip(table[1:], is_saved, strict=True)]
    lines.append(f"saved: {metrics['ladder']['saved']}, by its out-of-fold log loss")
    lines += [f"model:  {shown(run.model_folder)}", Styled(shown(run.report), before="report: ", bold=True)]
    return lines, run.summary()


def _ladder_row(rung: Mapping[str, Any]) -> list[str]:
    gain, speed, seconds = rung.get("gain"), rung.get("images_per_s"), rung.get("seconds")
    p_value = gain["p_value"] if gain else None
    return [
        rung["name"],
        share(rung["accuracy"]),
        number(rung["log_loss"]),
        f"{100 * gain['accuracy']['value']:+.1f} points" if gain else "",
        "" if p_value is None else "< 0.001" if p_value < 0.001 else f"{p_value:.3f}",
        duration_text(seconds) if seconds else "",
        f"{speed:,.0f}" if speed else "",
        *(f"{rung[name]['n']:,}" if rung.get(name) else "" for name in ("fixed", "broke")),
    ]
