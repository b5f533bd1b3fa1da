"""Calibration: the reliability diagram, and accuracy when only the more confident predictions are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.evaluation.intervals import wilson
from tellapart.reports.figures.svg import Figure, Scale, circle, line, polyline, rectangle, share_range, text, tick_percent, x_axis, y_axis
from tellapart.reports.number_format import count, percent

LETTER, ROOM = 7.0, 8.0
"""About the width of a letter, and the distance that words keep from other points."""
WIDTH, HEIGHT = 480.0, 400.0
LEFT, RIGHT, TOP, FLOOR = 58.0, 452.0, 62.0, 340.0
FEW = 50
"""Fewer images than this are too few for a reliability diagram."""


def reliability_figure(section: Mapping[str, Any]) -> Figure | None:
    """Stated probability against the share that was right: a bar for each bin with its interval, and the bins before the temperature.

    None for fewer than ``FEW`` images, which say nothing about single bins.
    """
    before, after = section["before"], section["after"]
    bins = [b for b in after or before if b.get("n") and b.get("confidence") is not None and b.get("accuracy") is not None]
    if not bins or sum(b["n"] for b in bins) < FEW:
        return None
    spread = [wilson(b["accuracy"] * b["n"], b["n"]) for b in bins]
    low = max(0.0, int(min(b["low"] for b in bins) * 10) / 10)
    x, y = Scale(low, 1, LEFT, RIGHT), Scale(0, 1, FLOOR, TOP)
    parts = [
        y_axis(y, LEFT, RIGHT, "share that was right", tick_percent(y.ticks())),
        x_axis(x, FLOOR, TOP, "predicted probability", tick_percent(x.ticks())),
        *(_bar(b, x, y) for b in bins),
        line(x(low), y(low), x(1), y(1), "ideal"),
        polyline([(x(b["confidence"]), y(b["accuracy"])) for b in before if after and b.get("n")], "series before"),
    ]
    for b, interval in zip(bins, spread, strict=True):
        here = x(b["confidence"])
        tip = f"{count(b['n'], 'image')}: predicted {percent(b['confidence'])}, right {percent(b['accuracy'])}"
        parts += [line(here, y(interval.low), here, y(interval.high), "whisker"), circle(here, y(b["accuracy"]), 5, "dot", tip)]
    parts.append(_legend([("before", "before the temperature"), ("", "after, with 95 % intervals")]))
    words = section["sentence"] + " On the dotted line a predicted probability is exactly right; below it the model is overconfident."
    return Figure(f"reliability-{section['part']}", f"Reliability, {section['title'].lower()}", words, WIDTH, HEIGHT, "".join(parts))


def _bar(b: Mapping[str, Any], x: Scale, y: Scale) -> str:
    left, right = (x(min(max(edge, x.low), x.high)) for edge in (b["low"], b["high"]))
    tip = f"{count(b['n'], 'image')} from {percent(b['low'], 0)} to {percent(b['high'], 0)}"
    drawn = rectangle(left + 1, y(b["accuracy"]), max(right - left - 2, 2), FLOOR - y(b["accuracy"]), "bar soft", tip)
    return drawn + (text((left + right) / 2, FLOOR - 8, f"{b['n']:,}", "quiet small", "middle") if right - left > 26 else "")


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    drawn, x = "", LEFT
    for kind, words in entries:
        drawn += (
            line(x, 12, x + 26, 12, f"series {kind}".strip())
            + circle(x + 13, 12, 4, "ring" if kind else "dot")
            + text(x + 34, 16, words, "small")
        )
        x += 54 + 8 * len(words)
    return drawn


def coverage_figure(section: Mapping[str, Any]) -> Figure | None:
    """Share of images answered against accuracy on them; the threshold stands at the points."""
    points = section["points"]
    if not points:
        return None
    low, high = share_range([p["accuracy"] for p in points])
    x, y = Scale(0, 1, LEFT, RIGHT), Scale(low, high, 340, TOP)
    parts = [
        y_axis(y, LEFT, RIGHT, "right among those answered", tick_percent(y.ticks())),
        x_axis(x, 340, TOP, "images answered", tick_percent(x.ticks())),
    ]
    places = [(x(p["coverage"]), y(p["accuracy"])) for p in points]
    parts.append(polyline(places, "series"))
    last: tuple[float, float] | None = None
    for p in points:
        here = x(p["coverage"]), y(p["accuracy"])
        tip = f"at least {percent(p['threshold'])} sure: {percent(p['coverage'])} answered, {percent(p['accuracy'])} right"
        parts.append(circle(*here, 4, "dot", tip))
        if here[0] > LEFT + 60 and (last is None or abs(here[0] - last[0]) > 66 or abs(here[1] - last[1]) > 24):
            parts.append(_threshold(p, here, places, y.start))
            last = here
    words = section["sentence"] + " The labels say how sure an answer had to be."
    return Figure(
        f"coverage-{section['part']}", f"Accuracy against coverage, {section['title'].lower()}", words, WIDTH, HEIGHT, "".join(parts)
    )


def _threshold(point: Mapping[str, float], here: tuple[float, float], places: Sequence[tuple[float, float]], floor: float) -> str:
    """How sure an answer had to be, written left of its point: below the curve, or above it where there is no room."""
    label = "every image" if point["coverage"] > 0.9995 else f"≥ {percent(point['threshold'], 0)}"
    width = LETTER * len(label)
    beside = [y for x, y in places if here[0] - 7 - width - ROOM <= x <= here[0]]
    below = max(beside) + 19
    return text(here[0] - 7, below if below + 3 < floor else min(beside) - 9, label, "quiet small", "end")
