"""How much the scores depend on the random split, and on the number of training images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.interval import IntervalDict
from tellapart.reports.figures.svg import Figure, Scale, circle, line, polyline, rectangle, share_range, text, tick_percent, x_axis, y_axis
from tellapart.reports.number_format import count, percent, percent_interval

WIDTH = 480.0
LEFT, RIGHT = 24.0, 456.0


def sensitivity_figure(section: Mapping[str, Any]) -> Figure | None:
    """A dot for each split, then the reported split and the "first files" split with their intervals, on one axis."""
    if section.get("reason") or not section.get("splits"):
        return None
    splits, reported = section["splits"], section.get("reported")
    first = (section.get("first") or {}).get("accuracy")
    values = [s["accuracy"] for s in splits] + [v for i in (reported, first) if i for v in (i["low"], i["high"])]
    low, high = share_range(values)
    x = Scale(low, high, LEFT + 12, RIGHT - 12)
    rows = 1 + bool(reported) + bool(first)
    floor = 36.0 + 84 * rows
    parts = [x_axis(x, floor, 14, "accuracy", tick_percent(x.ticks()))]
    parts.append(text(LEFT, 28, f"{count(len(splits), 'other split')} of {section['images']}", "strong") + _strip(splits, x, 66))
    spread = section["accuracy"]
    parts.append(line(x(spread["mean"]), 48, x(spread["mean"]), 84, "axis"))
    y = 112.0
    if reported:
        parts.append(text(LEFT, y, "the split reported here", "strong") + _whisker(reported, x, y + 28, ""))
        y += 84
    if first:
        label = f"the first {count(section['first']['per_class'], 'file')} of each class"
        parts.append(text(LEFT, y, label, "strong") + _whisker(first, x, y + 28, " second"))
    return Figure("sensitivity", "Accuracy on other splits", section["sentence"], WIDTH, floor + 50, "".join(parts))


def _strip(splits: list[dict[str, Any]], x: Scale, y: float) -> str:
    """Dots on a line; those that would cover each other step aside."""
    drawn, placed = "", list[tuple[float, float]]()
    for split in sorted(splits, key=lambda s: float(s["accuracy"])):
        at = x(split["accuracy"])
        offset = next((o for o in (0, -9, 9, -18, 18) if all(abs(at - px) >= 9 or abs(o - po) >= 9 for px, po in placed)), 0)
        placed.append((at, offset))
        drawn += circle(
            at, y + offset, 4.5, "dot soft", f"split {split['seed']}: {percent(split['accuracy'])} of {count(split['n'], 'image')}"
        )
    return drawn


def _whisker(interval: IntervalDict, x: Scale, y: float, kind: str) -> str:
    low, high, at = x(interval["low"]), x(interval["high"]), x(interval["value"])
    drawn = (
        line(low, y, high, y, "whisker" + kind)
        + line(low, y - 5, low, y + 5, "whisker" + kind)
        + line(high, y - 5, high, y + 5, "whisker" + kind)
    )
    anchor = "start" if at < LEFT + 120 else "end" if at > RIGHT - 120 else "middle"
    edge = low if anchor == "start" else high if anchor == "end" else at
    return drawn + circle(at, y, 6, "dot" + kind) + text(edge, y + 24, percent_interval(interval), "quiet small", anchor)


def curve_figure(section: Mapping[str, Any]) -> Figure | None:
    """Accuracy against the number of training images: a dot per seed, the fit, and what twice the images are expected to give."""
    points = [p for p in section.get("points") or [] if p.get("accuracy") and p.get("n_train")]
    if section.get("reason") or not points:
        return None
    twice, fit = section.get("twice") or {}, section.get("fit")
    promised = twice.get("accuracy")
    sizes = [p["n_train"] for p in points] + ([twice["n_train"]] if promised else [])
    values = [a for p in points for a in p["accuracy"]] + ([promised["low"], promised["high"]] if promised else [])
    low, high = share_range(values)
    x, y = Scale(min(sizes) * 0.85, max(sizes) * 1.25, 58, 452, is_log=True), Scale(low, high, 340, 44)
    parts = [
        y_axis(y, 58, 452, "accuracy", tick_percent(y.ticks())),
        x_axis(x, 340, 44, "training images (logarithmic scale)", lambda n: f"{n:,.0f}"),
    ]
    if fit:
        parts.append(_fit(fit, x, y, (min(sizes), max(sizes))))
    for p in points:
        parts += [
            circle(x(p["n_train"]), y(a), 4, "dot soft", f"{count(p['n_train'], 'training image')}: {percent(a)}") for a in p["accuracy"]
        ]
    if promised:
        parts.append(_promise(promised, x(twice["n_train"]), y))
    return Figure(
        "learning-curve", "Learning curve", section["sentence"] or "Accuracy by number of training images.", 480, 400, "".join(parts)
    )


def _fit(fit: Mapping[str, float], x: Scale, y: Scale, sizes: tuple[float, float]) -> str:
    steps = [sizes[0] * (sizes[1] / sizes[0]) ** (i / 40) for i in range(41)]
    values = [(n, 1 - (fit["floor"] + fit["scale"] * n ** -fit["power"])) for n in steps]
    return polyline([(x(n), y(a)) for n, a in values if y.low <= a <= y.high], "series")


def _promise(interval: IntervalDict, x: float, y: Scale) -> str:
    low, high = y(interval["low"]), y(interval["high"])
    drawn = rectangle(x - 7, high, 14, low - high, "band") + line(x, low, x, high, "whisker second")
    drawn += line(x - 5, low, x + 5, low, "whisker second") + line(x - 5, high, x + 5, high, "whisker second")
    drawn += circle(x, y(interval["value"]), 5, "dot second", f"twice the data: {percent_interval(interval)}")
    return drawn + text(x + 10, high - 10, "twice the data", "quiet small", "end")
