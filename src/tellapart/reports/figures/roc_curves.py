"""ROC and precision-recall curves of two classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.reports.figures.svg import Figure, Scale, circle, line, polyline, tick_percent, x_axis, y_axis

WIDTH, HEIGHT = 400.0, 400.0
LEFT, RIGHT, TOP, FLOOR = 58.0, 376.0, 42.0, 340.0
X, Y = Scale(0, 1, LEFT, RIGHT), Scale(0, 1, FLOOR, TOP)


def plot_scales() -> dict[str, float]:
    """Where 0 and 1 lie on the axes of both figures, in their user units; the dot is moved by them."""
    return {"left": LEFT, "right": RIGHT, "top": TOP, "floor": FLOOR}


def roc_figure(section: Mapping[str, Any] | None, title: str) -> Figure | None:
    """Recall against the false-positive rate; the dotted line is chance."""
    if not section:
        return None
    labels = (f"{section['negative']} called {section['positive']}", f"{section['positive']} recognized")
    words = "The curve shows every threshold at once; the dot is the threshold chosen. Chance lies on the dotted line."
    drawn = line(X(0), Y(0), X(1), Y(1), "ideal")
    return _figure("roc", f"ROC curve, {title.lower()}", section, (section["roc"], labels, words, drawn))


def precision_recall_figure(section: Mapping[str, Any] | None, title: str) -> Figure | None:
    """Precision against recall; the dotted line is calling everything positive."""
    if not section:
        return None
    first = section["rows"][0]
    share = first["recall"]["value"] and (first["tp"] + first["fn"]) / (first["tp"] + first["fn"] + first["fp"] + first["tn"])
    labels = (f"{section['positive']} recognized", "right when it says so")
    words = "The dot is the threshold chosen. The dotted line is the share of the class: what guessing reaches."
    drawn = line(X(0), Y(share), X(1), Y(share), "ideal")
    return _figure("precision-recall", f"Precision and recall, {title.lower()}", section, (section["pr"], labels, words, drawn))


def _figure(
    name: str, title: str, section: Mapping[str, Any], content: tuple[Sequence[Sequence[float]], tuple[str, str], str, str]
) -> Figure:
    points, (across, up), words, drawn = content
    middle = section["rows"][len(section["rows"]) // 2]
    recall = middle["recall"]["value"]
    place = (
        (middle["fp"] / (middle["fp"] + middle["tn"]), recall)
        if name == "roc"
        else (recall, (middle["precision"] or {"value": 1.0})["value"])
    )
    dot = X(place[0]), Y(place[1])
    write = tick_percent(X.ticks())
    body = y_axis(Y, LEFT, RIGHT, up, write) + x_axis(X, FLOOR, TOP, across, write) + drawn
    body += polyline([(X(a), Y(b)) for a, b in points], "series") + circle(*dot, 6, "dot marker")
    return Figure(f"{name}-{section['part']}", title, words, WIDTH, HEIGHT, body)
