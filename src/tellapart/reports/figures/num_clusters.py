"""How many clusters: distortion beside data without clusters, silhouette, stability and Calinski-Harabasz, by their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.counts import count
from tellapart.reports.figures.svg import Figure, Scale, circle, line, polyline, text, x_axis, y_axis

PANEL, HEIGHT = 330.0, 250.0
LEFT, RIGHT, TOP, FLOOR = 54.0, 310.0, 52.0, 200.0
Values = Sequence[float | None]


def choice_figure(choice: Mapping[str, Any]) -> Figure | None:
    """Four panels over the number of clusters, the suggested one marked; None where fewer than two were tried.

    ``choice`` is ``choice`` of the explore page's view: ks, distortion, reference, silhouette, ..., suggested, reason.
    """
    ks = choice["ks"]
    if len(ks) < 2:
        return None
    parts = []
    for index, (title, own, other) in enumerate(_measures(choice)):
        x, y = index % 2 * PANEL, index // 2 * HEIGHT
        parts.append(f'<g transform="translate({x:g} {y:g})">{_panel(title, ks, own, other, choice["suggested"])}</g>')
    parts.append(text(LEFT, 2 * HEIGHT + 8, "solid: these images; dashed: data as spread out, without clusters", "quiet small"))
    return Figure("choice-of-k", "How many clusters", choice["reason"], 2 * PANEL, 2 * HEIGHT + 20, "".join(parts))


def choice_panels(choice: Mapping[str, Any] | None) -> list[Figure]:
    """The same panels as drawings of their own, for a page that sets them side by side; none where fewer than two were tried."""
    if not choice or len(choice["ks"]) < 2:
        return []
    return [
        Figure(f"choice-{index}", title, choice["reason"], PANEL, HEIGHT, _panel(title, choice["ks"], own, other, choice["suggested"]))
        for index, (title, own, other) in enumerate(_measures(choice))
    ]


def _measures(choice: Mapping[str, Any]) -> list[tuple[str, Values, Values | None]]:
    """What each panel shows: its title, these images, and data without clusters."""
    return [
        ("distortion (lower is tighter)", choice["distortion"], choice.get("reference")),
        ("silhouette, mean of clusters", choice["silhouette"], choice.get("reference_silhouette")),
        ("stability on draws of the images", choice["stability"], None),
        ("Calinski-Harabasz", choice["calinski_harabasz"], None),
    ]


def _panel(title: str, ks: Sequence[int], own: Values, other: Values | None, suggested: int | None) -> str:
    values = [value for value in (*own, *(other or ())) if value is not None]
    if not values:
        return text(LEFT, TOP - 14, title, "quiet") + text(LEFT, TOP + 30, "nothing to measure", "quiet small")
    low, high = min([0.0, *values]), max(values)
    x = Scale(min(ks), max(ks), LEFT + 8, RIGHT - 8)
    y = Scale(low, high if high > low else low + 1, FLOOR, TOP)
    parts = [
        y_axis(y, LEFT, RIGHT, title, lambda value: f"{value:,.4g}", 4),
        x_axis(x, FLOOR, TOP, "clusters", lambda value: f"{value:g}", 6),
    ]
    if suggested is not None:
        parts.append(line(x(suggested), FLOOR, x(suggested), TOP, "axis"))
    if other:
        parts.append(polyline([(x(k), y(v)) for k, v in zip(ks, other, strict=True) if v is not None], "series before"))
    shown = [(k, v) for k, v in zip(ks, own, strict=True) if v is not None]
    parts.append(polyline([(x(k), y(v)) for k, v in shown], "series"))
    parts += [circle(x(k), y(v), 4, "dot", f"{count(k, 'cluster')}: {v:,.4g}") for k, v in shown]
    return "".join(parts)
