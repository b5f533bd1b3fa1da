"""The map of all images as a drawing; the page has the same points on a canvas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.reports.figures.svg import CLASS_COLORS, Figure, text
from tellapart.reports.number_format import count, shortened

MANY_CROSSES = 200
WIDTH, LEFT, EDGE = 640.0, 16.0, 608.0


def colored_classes(labels: Sequence[int | None]) -> list[int]:
    """The classes that get a color of their own: the seven with the most points, in their order."""
    counts = Counter(label for label in labels if label is not None)
    return sorted(sorted(counts, key=lambda k: (-counts[k], k))[:CLASS_COLORS])


def map_figure(section: Mapping[str, Any], class_names: Sequence[str]) -> Figure | None:
    """Points colored by class (the seven largest), a cross on each reported image that was taken for another class."""
    points = section["points"]
    if not points:
        return None
    color = {k: f"k{i}" for i, k in enumerate(colored_classes(points["label"]))}
    paths: dict[str, list[str]] = {}
    crosses = []
    high = max(points["y"]) or 1.0
    legend, top = _legend(color, class_names, len({k for k in points["label"] if k is not None}))
    for x, y, label, is_wrong in zip(points["x"], points["y"], points["label"], points["is_wrong"], strict=True):
        px, py = LEFT + EDGE * x, top + EDGE * (high - y)
        paths.setdefault(color.get(label, "kx"), []).append(f"M{px:.0f} {py:.0f}h0")
        if is_wrong:
            crosses.append(f"M{px - 3:.0f} {py - 3:.0f}l6 6m0-6l-6 6")
    wide = " wide" if len(points["x"]) < 600 else ""
    drawn = "".join(f'<path class="points{wide} {kind}" d="{"".join(marks)}"/>' for kind, marks in sorted(paths.items(), reverse=True))
    drawn += "".join(
        f'<path class="{kind}" d="{"".join(crosses)}"/>'
        for kind in (("cross thin",) if len(crosses) > MANY_CROSSES else ("halo", "cross"))
        if crosses
    )
    crossed = count(len(crosses), "wrong answer is", "wrong answers are")
    words = f"{section['statement']} Near each other means alike to the model; {crossed} crossed."
    return Figure("map", "Map of the images", words, WIDTH, top + EDGE * high + 16, legend + drawn)


def _legend(color: Mapping[int, str], class_names: Sequence[str], present: int) -> tuple[str, float]:
    drawn, x, y = "", LEFT, 20.0
    entries = [(kind, shortened(class_names[k], 18)) for k, kind in color.items()]
    entries += [("kx", "other classes")] if present > len(color) else []
    for kind, words in [*entries, ("cross", "wrong")]:
        if x + 30 + 8 * len(words) > WIDTH:
            x, y = LEFT, y + 22
        mark = f"M{x + 2:.0f} {y - 8:.0f}l7 7m0-7l-7 7" if kind == "cross" else f"M{x + 5:.0f} {y - 4:.0f}h0"
        drawn += f'<path class="{"cross" if kind == "cross" else f"points wide {kind}"}" style="stroke-opacity:1" d="{mark}"/>'
        drawn += text(x + 16, y, words, "small")
        x += 34 + 7.6 * len(words)
    return drawn, y + 24
