"""How far a stated probability can be believed: reliability, and accuracy when only the surer answers are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.reports.figures.svg import Figure, Scale, circle, line, polyline, rectangle, share_range, text, tick_percent, x_axis, y_axis
from tellapart.reports.number_format import count, percent

WIDTH, HEIGHT = 480.0, 400.0
LEFT, RIGHT, TOP = 58.0, 452.0, 62.0


def reliability_figure(section: Mapping[str, Any]) -> Figure | None:
    """Stated probability against the share that was right, before and after the temperature, with the counts below."""
    before, after = section["before"], section["after"]
    if not after and not before:
        return None
    values = [b[key] for b in (*before, *after) for key in ("confidence", "accuracy") if b.get(key) is not None]
    low = max(0.0, int(min(values) * 10) / 10)
    x, y = Scale(low, 1, LEFT, RIGHT), Scale(low, 1, 300, TOP)
    write = tick_percent(x.ticks())
    parts = [
        y_axis(y, LEFT, RIGHT, "share that was right", write),
        x_axis(x, 300, TOP, "", write),
        line(x(low), y(low), x(1), y(1), "ideal"),
    ]
    parts.append(_curve(before, x, y, "before") + _curve(after, x, y, ""))
    parts.append(_counts(after or before, x))
    parts.append(_legend([("before", "before"), ("", "after the temperature")]))
    words = section["sentence"] + " On the dotted line a predicted probability is exactly right; below it the model is too sure."
    return Figure(f"reliability-{section['part']}", f"Reliability, {section['title'].lower()}", words, WIDTH, HEIGHT, "".join(parts))


def _curve(bins: Sequence[Mapping[str, Any]], x: Scale, y: Scale, kind: str) -> str:
    kept = [b for b in bins if b.get("n") and b.get("confidence") is not None and b.get("accuracy") is not None]
    most = max((b["n"] for b in kept), default=1)
    drawn = polyline([(x(b["confidence"]), y(b["accuracy"])) for b in kept], f"series {kind}".strip())
    for b in kept:
        tip = f"{count(b['n'], 'image')}: stated {percent(b['confidence'])}, right {percent(b['accuracy'])}"
        radius = 3 + 5 * (b["n"] / most) ** 0.5
        drawn += circle(x(b["confidence"]), y(b["accuracy"]), 4 if kind else radius, "ring" if kind else "dot", tip)
    return drawn


def _counts(bins: Sequence[Mapping[str, Any]], x: Scale) -> str:
    most = max((b["n"] for b in bins), default=0) or 1
    drawn = text((LEFT + RIGHT) / 2, 392, "stated probability; bars: how many images", "quiet", "middle")
    for b in bins:
        left, right = (min(max(edge, x.low), x.high) for edge in (b["low"], b["high"]))
        height = 36 * b["n"] / most
        tip = f"{count(b['n'], 'image')} from {percent(b['low'], 0)} to {percent(b['high'], 0)}"
        drawn += rectangle(x(left) + 1, 366 - height, x(right) - x(left) - 2, max(height, 1 if b["n"] else 0), "bar soft", tip)
    return drawn


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
    parts.append(polyline([(x(p["coverage"]), y(p["accuracy"])) for p in points], "series"))
    last: tuple[float, float] | None = None
    for p in points:
        here = x(p["coverage"]), y(p["accuracy"])
        tip = f"at least {percent(p['threshold'])} sure: {percent(p['coverage'])} answered, {percent(p['accuracy'])} right"
        parts.append(circle(*here, 4, "dot", tip))
        if here[0] > LEFT + 60 and (last is None or abs(here[0] - last[0]) > 66 or abs(here[1] - last[1]) > 24):
            parts.append(_threshold(p, here, y.start))
            last = here
    words = section["sentence"] + " The labels say how sure an answer had to be."
    return Figure(
        f"coverage-{section['part']}", f"Accuracy against coverage, {section['title'].lower()}", words, WIDTH, HEIGHT, "".join(parts)
    )


def _threshold(point: Mapping[str, float], here: tuple[float, float], floor: float) -> str:
    label = "every image" if point["coverage"] > 0.9995 else f"≥ {percent(point['threshold'], 0)}"
    return text(here[0] - 7, here[1] + 17 if here[1] + 20 < floor else here[1] - 9, label, "quiet small", "end")
