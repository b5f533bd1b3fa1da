"""How latents are spread: histograms of one image's numbers, of two images', or of whole classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.reports.figures.svg import Figure, Scale, line, polyline, rectangle, text, tick_percent, x_axis, y_axis
from tellapart.reports.number_format import shortened

WIDTH, HEIGHT = 480.0, 340.0
LEFT, RIGHT, TOP, FLOOR = 58.0, 452.0, 66.0, 282.0
BINS = 40
MOST_SERIES = 7


def histogram_figure(
    name: str, title: str, series: Sequence[tuple[str, FloatArray]], limits: tuple[float, float], *, words: str = ""
) -> Figure | None:
    """Shares of the values of each series in 40 equal bins; one as bars, several as outlines; at most seven are drawn.

    Args:
        name: of the figure.
        title: of the figure.
        series: words and values (m,); values beyond the limits count in the outer bins.
        limits: the ends of the axis.
        words: what is to be seen; by default the mean and deviation of each series.
    """
    drawn = [(label, values) for label, values in series if len(values)][:MOST_SERIES]
    if not drawn:
        return None
    low, high = limits if limits[0] < limits[1] else (limits[0] - 0.5, limits[0] + 0.5)
    edges = np.linspace(low, high, BINS + 1)
    shares = [np.histogram(np.clip(values, low, high), edges)[0] / len(values) for _, values in drawn]
    top = max(float(share.max()) for share in shares)
    x, y = Scale(low, high, LEFT, RIGHT), Scale(0, top * 1.05, FLOOR, TOP)
    parts = [y_axis(y, LEFT, RIGHT, "share of the numbers", tick_percent(y.ticks())), x_axis(x, FLOOR, TOP, "latent", lambda v: f"{v:g}")]
    if len(drawn) == 1:
        parts.append(_bars(shares[0], edges, x, y))
    else:
        parts += [polyline(_outline(share, edges, x, y), f"series k{number}") for number, share in enumerate(shares)]
        parts.append(_legend([label for label, _ in drawn]))
    description = words or " ".join(f"{label}: mean {values.mean():.3g}, standard deviation {values.std():.3g}." for label, values in drawn)
    return Figure(name, title, description, WIDTH, HEIGHT, "".join(parts))


def limits_of(values: FloatArray) -> tuple[float, float]:
    """The ends of an axis for values (m,): all but the outermost thousandth on each side."""
    low, high = (float(v) for v in np.percentile(values, [0.1, 99.9]))
    return (low, high) if low < high else (low - 0.5, low + 0.5)


def _bars(shares: FloatArray, edges: FloatArray, x: Scale, y: Scale) -> str:
    return "".join(
        rectangle(
            x(left) + 0.5, y(share), x(right) - x(left) - 1, FLOOR - y(share), "bar", f"{left:.3g} to {right:.3g}: {100 * share:.1f} %"
        )
        for share, left, right in zip(shares, edges[:-1], edges[1:], strict=True)
        if share
    )


def _outline(shares: FloatArray, edges: FloatArray, x: Scale, y: Scale) -> list[tuple[float, float]]:
    points = [(x(edges[0]), FLOOR)]
    for share, left, right in zip(shares, edges[:-1], edges[1:], strict=True):
        points += [(x(left), y(share)), (x(right), y(share))]
    return [*points, (x(edges[-1]), FLOOR)]


def _legend(labels: Sequence[str]) -> str:
    drawn, at, row = "", LEFT, 0
    for number, label in enumerate(labels):
        words = shortened(label, 22)
        width = 44 + 7.6 * len(words)
        if at + width > RIGHT and at > LEFT:
            at, row = LEFT, row + 1
        drawn += line(at, 10 + 17 * row, at + 22, 10 + 17 * row, f"series k{number}") + text(at + 28, 14 + 17 * row, words, "small")
        at += width
    return drawn
