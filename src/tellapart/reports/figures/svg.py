"""SVG as text: figures, scales with sensible ticks, axes and marks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from xml.sax.saxutils import escape

LIGHT = {
    "ink": "#1c2230", "muted": "#5b6472", "line": "#e0e2e8", "surface": "#ffffff", "page": "#f6f6f3",
    "sunken": "#f0f1f4", "accent": "#1f5fbf", "on-accent": "#ffffff", "raised": "#ffffff", "wrong": "#b8450b",
    "cell": "#2b6cd0", "cell-wrong": "#d2691e", "class-0": "#0072b2", "class-1": "#d55e00", "class-2": "#009e73",
    "class-3": "#c2609c", "class-4": "#d99000", "class-5": "#4ba3d6", "class-6": "#7b5aa6", "class-x": "#8d94a1",
}  # fmt: skip
DARK = {
    "ink": "#e8e9ed", "muted": "#a2aab8", "line": "#2f3541", "surface": "#171b22", "page": "#0f1217",
    "sunken": "#1f242d", "accent": "#82b4ff", "on-accent": "#0c1626", "raised": "#353d4b", "wrong": "#ff9d66",
    "cell": "#3f78cc", "cell-wrong": "#b3541e", "class-0": "#4aa8e0", "class-1": "#ff8a3d", "class-2": "#2cc79a",
    "class-3": "#e08cc0", "class-4": "#f0b429", "class-5": "#8fd0f5", "class-6": "#b79be0", "class-x": "#737b89",
}  # fmt: skip
CLASS_COLORS = 7
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@lru_cache(maxsize=1)
def figure_css() -> str:
    """The rules every figure is styled by, colors as ``var(--name)``."""
    return files("tellapart.reports").joinpath("static/figure.css").read_text(encoding="utf-8")


def _filled(colors: dict[str, str]) -> str:
    return re.sub(r"var\(--([\w-]+)\)", lambda match: colors[match[1]], figure_css())


@lru_cache(maxsize=1)
def theme_css() -> str:
    """The palettes as CSS variables: by the reader's preference, by ``data-theme`` on the root element, and always light on paper."""
    light, dark = (";".join(f"--{name}:{color}" for name, color in colors.items()) for colors in (LIGHT, DARK))
    return (
        f":root{{{light};color-scheme:light}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark};color-scheme:dark}}}}\n"
        f":root[data-theme=dark]{{{dark};color-scheme:dark}}\n"
        f"@media print{{:root:root:root{{{light};color-scheme:light}}}}\n"
    )


@lru_cache(maxsize=1)
def standalone_css() -> str:
    """The same rules with the colors filled in, for light and for dark surroundings."""
    return f"{_filled(LIGHT)}\n@media (prefers-color-scheme: dark) {{\n{_filled(DARK)}}}"


@dataclass(frozen=True)
class Figure:
    """One drawing: ``name`` is its file name, ``description`` says in words what can be seen; width and height in user units."""

    name: str
    title: str
    description: str
    width: float
    height: float
    body: str

    def inline(self) -> str:
        """The SVG for the page, which brings the style."""
        return self._svg("", "")

    def standalone(self) -> str:
        """The SVG as a file of its own, light or dark as its reader prefers."""
        surface = '<rect class="ring" style="stroke:none" width="100%" height="100%"/>'
        return self._svg(f"<style>{escape(standalone_css())}</style>", surface) + "\n"

    def _svg(self, style: str, surface: str) -> str:
        size = f'viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}" height="{self.height:g}"'
        label = f'role="img" aria-labelledby="{self.name}-title {self.name}-desc"'
        head = f'<title id="{self.name}-title">{clean(self.title)}</title><desc id="{self.name}-desc">{clean(self.description)}</desc>'
        return f'<svg xmlns="http://www.w3.org/2000/svg" class="figure" {size} {label}>{head}{style}{surface}{self.body}</svg>'


def clean(text: str) -> str:
    """``text`` safe inside XML, on one line, without the characters XML forbids."""
    return escape(" ".join(NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text).split()), {'"': "&quot;", "'": "&#39;"})


@dataclass(frozen=True)
class Scale:
    """Values from ``low`` to ``high`` on a line from ``start`` to ``end``; logarithmic if asked."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Where on the line ``value`` lies."""
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        share = (value - low) / ((high - low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """About ``count`` round values within the range."""
        return log_ticks(self.low, self.high) if self.is_log else linear_ticks(self.low, self.high, count)


class ErrorScale(Scale):
    """Shares that were right, logarithmic in the share that was wrong: 98 and 99 % lie as far apart as 50 and 75 %.

    ``high`` is less than 1; what is surer still, 100 % too, lies at its place.
    """

    TICKS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9998, 0.9999)
    LEAST_GAP = 50.0

    def __call__(self, value: float) -> float:
        """Where on the line ``value`` lies."""
        low, high, here = (math.log(1 - min(v, self.high)) for v in (self.low, self.high, value))
        return self.start + (here - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round shares far enough from each other to be written."""
        ticks: list[float] = []
        for tick in (t for t in self.TICKS if self.low - 1e-9 <= t < self.high + 1e-9):
            if (not ticks or abs(self(tick) - self(ticks[-1])) >= self.LEAST_GAP) and abs(self.end - self(tick)) >= self.LEAST_GAP:
                ticks.append(tick)
        return [*ticks, 1.0]


def linear_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, about ``count`` of them, from ``low`` to ``high``."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten from ``low`` to ``high``, thinned to the powers alone over a wide range."""
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**d for d in decades for m in steps if low * 0.999 <= m * 10.0**d <= high * 1.001]


def share_range(values: Sequence[float], least: float = 0.04) -> tuple[float, float]:
    """Round limits around shares, with air on both sides and never beyond 0 and 1; at least ``least`` apart."""
    low, high = min(values), max(values)
    air = max((high - low) * 0.12, (least - (high - low)) / 2)
    low, high = max(0.0, low - air), min(1.0, high + air)
    step = linear_ticks(0, high - low, 5)[1] if high > low else 0.01
    return max(0.0, math.floor(low / step + 1e-9) * step), min(1.0, math.ceil(high / step - 1e-9) * step)


def tick_percent(ticks: Sequence[float]) -> Callable[[float], str]:
    """How to write shares as percent with just the decimals these ticks need."""
    digits = next((d for d in range(4) if all(abs(round(100 * t, d) - 100 * t) < 1e-6 for t in ticks)), 3)
    return lambda value: f"{100 * value:.{digits}f} %"


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Words at a point; ``kind`` is one or more class names of figure.css."""
    kinds = f' class="{kind}"' if kind else ""
    where = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kinds}{where}>{clean(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def polyline(points: Sequence[tuple[float, float]], kind: str) -> str:
    """A line through points."""
    return f'<path class="{kind}" d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + '"/>' if points else ""


def circle(x: float, y: float, r: float, kind: str, tip: str = "") -> str:
    """A disc with a tooltip."""
    title = f"<title>{clean(tip)}</title>" if tip else ""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}">{title}</circle>'


def rectangle(x: float, y: float, width: float, height: float, kind: str, tip: str = "", more: str = "") -> str:
    """A bar or cell; ``more`` is further SVG attributes."""
    title = f"<title>{clean(tip)}</title>" if tip else ""
    size = f'width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}{more and " " + more}>{title}</rect>'


def x_axis(scale: Scale, y: float, top: float, label: str, write: Callable[[float], str], count: int = 5) -> str:
    """Ticks along ``y`` with grid lines up to ``top`` and the label below."""
    parts = [line(scale.start, y, scale.end, y, "axis")]
    for tick in scale.ticks(count):
        parts += [line(scale(tick), y, scale(tick), top, "grid"), text(scale(tick), y + 18, write(tick), "quiet small", "middle")]
    parts.append(text((scale.start + scale.end) / 2, y + 40, label, "quiet", "middle"))
    return "".join(parts[1:]) + parts[0]


def y_axis(scale: Scale, x: float, right: float, label: str, write: Callable[[float], str], count: int = 5) -> str:
    """Ticks along ``x`` with grid lines to ``right``; the label stands above the axis, level, so that it can be read."""
    parts = []
    for tick in scale.ticks(count):
        parts += [line(x, scale(tick), right, scale(tick), "grid"), text(x - 8, scale(tick) + 4, write(tick), "quiet small", "end")]
    parts.append(text(10, min(scale.start, scale.end) - 14, label, "quiet"))
    return "".join(parts)
