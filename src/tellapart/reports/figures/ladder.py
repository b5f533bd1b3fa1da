"""The ladder: accuracy of guessing, of nearest neighbors and of the model on the same images; and the small interval bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.interval import IntervalDict
from tellapart.reports.figures.svg import ErrorScale, Figure, Scale, circle, clean, line, share_range, text, tick_percent, x_axis, y_axis
from tellapart.reports.number_format import duration, percent, percent_interval, shortened

WIDTH = 480.0
FEW = 4
"""Up to so many rungs the axis of accuracy is even; with more it is logarithmic in the errors, to tell the upper ones apart."""
BAR = (7.0, 233.0)
LABEL = 46
LETTER = 7.2
LEFT, RIGHT, TOP, FLOOR = 64.0, 700.0, 40.0, 330.0


def rungs_figure(section: Mapping[str, Any]) -> Figure | None:
    """One interval per step, on one axis of accuracy."""
    rows = [row for row in section["rows"] if row.get("accuracy")]
    if not rows:
        return None
    x = rungs_scale(rows, section["n"], 24, WIDTH - 24)
    step = 62.0 if len(rows) <= FEW else 46.0
    floor = 20.0 + step * len(rows)
    write = tick_percent(x.ticks()) if len(rows) <= FEW else lambda value: f"{100 * value:g} %"
    label = "accuracy" if len(rows) <= FEW else "accuracy (the scale is stretched towards 100 %)"
    parts = [x_axis(x, floor, 8, label, write)]
    parts += [_rung(row, x, step * (i + 0.75), is_last=i == len(rows) - 1) for i, row in enumerate(rows)]
    words = "; ".join(f"{row['name']}: {percent_interval(row['accuracy'])}" for row in rows) + "."
    return Figure(
        f"rungs-{section['part']}", f"Accuracy of each step, {section['title'].lower()}", words, WIDTH, floor + 50, "".join(parts)
    )


def rungs_time_figure(section: Mapping[str, Any]) -> Figure | None:
    """Accuracy with its interval against the time that a step and those below it took; None where the time is not known."""
    rows, total = [], 0.0
    for number, row in enumerate(section["rows"], start=1):
        total += row.get("seconds") or 0.0
        if row.get("accuracy"):
            rows.append((number, row, total))
    if total <= 0 or len(rows) < 2:
        return None
    least = min(seconds for _, _, seconds in rows if seconds > 0)
    x = Scale(max(least / 3, 0.1), max(total * 1.6, least * 2), LEFT, RIGHT, is_log=True)
    across = rungs_scale([row for _, row, _ in rows], section["n"], FLOOR, TOP)
    write = tick_percent(across.ticks()) if len(rows) <= FEW else lambda value: f"{100 * value:g} %"
    label = "accuracy" if len(rows) <= FEW else "accuracy (stretched towards 100 %)"
    parts = [y_axis(across, LEFT, RIGHT, label, write), x_axis(x, FLOOR, TOP, "time, with all steps below", duration)]
    taken: list[float] = []
    for number, row, seconds in rows:
        here = x(max(seconds, x.low))
        while any(abs(here - other) < 22 for other in taken):
            here += 22 if here < RIGHT - 22 else -23
        taken.append(here)
        accuracy, kind = row["accuracy"], "whisker" if row.get("is_saved") or number == len(rows) else "axis"
        parts.append(line(here, across(accuracy["low"]), here, across(accuracy["high"]), kind))
        parts.append(circle(here, across(accuracy["value"]), 9, "ring", f"{row['name']}: {percent_interval(accuracy)}"))
        parts.append(text(here, across(accuracy["value"]) + 4, str(number), "small strong", "middle"))
    words = "; ".join(f"{number}: {row['name']}" for number, row, _ in rows) + ". Dots that would hide each other are moved aside."
    title = f"Accuracy and time of each step, {section['title'].lower()}"
    return Figure(f"rungs-time-{section['part']}", title, words, RIGHT + 24, FLOOR + 56, "".join(parts))


def rungs_scale(rows: Sequence[Mapping[str, Any]], n: int, start: float, end: float) -> Scale:
    """The axis on which the accuracies of these rungs, measured on ``n`` images, are drawn from ``start`` to ``end``."""
    values = [row["accuracy"][key] for row in rows for key in ("low", "high")]
    if len(rows) <= FEW:
        return Scale(*share_range(values), start, end)
    smallest = min([1 - value for value in values if value < 1] + [1 / max(n, 2)])
    return ErrorScale(max(0.0, min(values) - 0.05), 1 - smallest / 2, start, end)


def _rung(row: Mapping[str, Any], x: Scale, y: float, *, is_last: bool) -> str:
    accuracy = row["accuracy"]
    words = f"{shortened(row['name'], LABEL)}  {percent(accuracy['value'])}"
    is_right = x(accuracy["value"]) > WIDTH / 2
    edge = max(x(accuracy["high"]), 4 + LETTER * len(words)) if is_right else min(x(accuracy["low"]), WIDTH - 4 - LETTER * len(words))
    kind = ("strong" if is_last else "", "whisker" if is_last else "axis", "dot" if is_last else "ring")
    return (
        text(edge, y - 14, words, kind[0], "end" if is_right else "start")
        + line(x(accuracy["low"]), y, x(accuracy["high"]), y, kind[1])
        + circle(x(accuracy["value"]), y, 6, kind[2], percent_interval(accuracy))
    )


def interval_bar(interval: IntervalDict, scale: Scale, words: str) -> str:
    """A small bar with the interval and its value on it, as inline SVG without labels; 240 x 18, the scale from 7 to 233 (``BAR``)."""
    low, high, value = (min(max(interval[key], scale.low), scale.high) for key in ("low", "high", "value"))
    drawn = (
        line(scale.start, 9, scale.end, 9, "grid") + line(scale(low), 9, scale(high), 9, "whisker") + circle(scale(value), 9, 5.5, "dot")
    )
    return f'<svg class="figure interval" viewBox="0 0 240 18" width="240" height="18" role="img" aria-label="{clean(words)}">{drawn}</svg>'
