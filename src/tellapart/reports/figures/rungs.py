"""The rungs: what guessing, neighbours and the model reach on the same images; and the small interval bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.reports.figures.svg import Figure, Scale, circle, clean, line, share_range, text, tick_percent, x_axis
from tellapart.reports.wording import percent, percent_interval

WIDTH = 480.0


def rungs_figure(section: Mapping[str, Any]) -> Figure | None:
    """One interval a rung, on one axis of accuracy."""
    rows = [row for row in section["rows"] if row.get("accuracy")]
    if not rows:
        return None
    low, high = share_range([row["accuracy"][key] for row in rows for key in ("low", "high")])
    x = Scale(low, high, 24, WIDTH - 24)
    floor = 20.0 + 62 * len(rows)
    parts = [x_axis(x, floor, 8, "accuracy", tick_percent(x.ticks()))]
    for i, row in enumerate(rows):
        y, accuracy = 46 + 62 * i, row["accuracy"]
        is_last = i == len(rows) - 1
        at = x(accuracy["value"])
        anchor = "end" if at > WIDTH / 2 else "start"
        edge = x(accuracy["high"]) if anchor == "end" else x(accuracy["low"])
        parts += [
            text(edge, y - 14, f"{row['name']}  {percent(accuracy['value'])}", "strong" if is_last else "", anchor),
            line(x(accuracy["low"]), y, x(accuracy["high"]), y, "whisker" if is_last else "axis"),
            circle(at, y, 6, "dot" if is_last else "ring", percent_interval(accuracy)),
        ]
    words = "; ".join(f"{row['name']}: {percent_interval(row['accuracy'])}" for row in rows) + "."
    return Figure(
        f"rungs-{section['part']}", f"Accuracy of each rung, {section['title'].lower()}", words, WIDTH, floor + 50, "".join(parts)
    )


def interval_bar(interval: Mapping[str, float], low: float, high: float, words: str) -> str:
    """A small bar from ``low`` to ``high`` with the interval and its value on it, as inline SVG without labels; 240 x 18."""
    x = Scale(low, high, 7, 233)
    start, end, at = x(max(low, interval["low"])), x(min(high, interval["high"])), x(interval["value"])
    drawn = line(7, 9, 233, 9, "grid") + line(start, 9, end, 9, "whisker") + circle(at, 9, 5.5, "dot")
    return f'<svg class="figure interval" viewBox="0 0 240 18" width="240" height="18" role="img" aria-label="{clean(words)}">{drawn}</svg>'
