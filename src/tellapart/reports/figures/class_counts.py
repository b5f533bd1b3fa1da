"""How many images each class has in each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.counts import count
from tellapart.reports.figures.svg import Figure, Scale, rectangle, text, x_axis
from tellapart.reports.number_format import shortened

MOST_CLASSES = 60
WIDTH = 480.0


def counts_figure(section: Mapping[str, Any]) -> Figure | None:
    """A bar per class, split into train, validation and test; the 60 largest classes, the largest first beyond a dozen."""
    classes = section["classes"]
    if not classes:
        return None
    total = {i: sum(row[part] for part in ("train", "val", "test")) for i, row in enumerate(classes)}
    order = list(total) if len(classes) <= 12 else sorted(total, key=lambda i: -total[i])[:MOST_CLASSES]
    labels = [shortened(classes[i]["name"], 20) for i in order]
    left = 20 + 7.6 * max(len(label) for label in labels)
    bar, gap = (22, 12) if len(order) <= 12 else (12, 7)
    top, floor = 44.0, 44.0 + (bar + gap) * len(order)
    x = Scale(0, max(total.values()) or 1, left, WIDTH - 56)
    parts = [_legend(section["parts"]), x_axis(x, floor, top - 6, "images", lambda n: f"{n:,.0f}", 4)]
    for row, (i, label) in enumerate(zip(order, labels, strict=True)):
        y, at = top + row * (bar + gap), left
        parts.append(text(left - 10, y + bar / 2 + 4.5, label, "" if bar > 12 else "small", "end"))
        for part in ("train", "val", "test"):
            n = classes[i][part]
            if n:
                parts.append(rectangle(at, y, x(n) - left, bar, f"bar {part}", f"{classes[i]['name']}, {part}: {n:,}"))
                at += x(n) - left
        parts.append(text(at + 6, y + bar / 2 + 4.5, f"{total[i]:,}", "quiet small"))
    words = f"From {min(total.values()):,} to {count(max(total.values()), 'image')} a class."
    if len(order) < len(classes):
        words += f" The {len(order)} largest of {len(classes)} classes are shown."
    return Figure("class-counts", "Images of each class by part", words, WIDTH, floor + 48, "".join(parts))


def _legend(parts: Mapping[str, int]) -> str:
    drawn, x = "", 8.0
    for part, title in (("train", "train"), ("val", "validation"), ("test", "test")):
        if parts[part]:
            words = f"{title} {parts[part]:,}"
            drawn += rectangle(x, 8, 12, 12, f"bar {part}") + text(x + 18, 18, words, "small")
            x += 44 + 7.6 * len(words)
    return drawn
