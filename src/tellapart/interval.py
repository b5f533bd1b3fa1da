"""Interval: a value with its 95 % confidence interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


class IntervalDict(TypedDict):
    """An interval as JSON has it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % interval, in the value's own unit."""

    value: float
    low: float
    high: float

    def as_dict(self) -> IntervalDict:
        """``{"value", "low", "high"}``, the form used in ``metrics.json``."""
        return {"value": self.value, "low": self.low, "high": self.high}

    def percent(self, digits: int = 1) -> str:
        """Format a proportion, ``97.1 % (95.3 to 98.4)``."""
        value, low, high = (f"{100 * x:.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value} % ({low} to {high})"

    def points(self, digits: int = 1) -> str:
        """Format a difference of proportions, ``+1.2 points (-0.3 to +2.7)``."""
        value, low, high = (f"{100 * x:+.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value} points ({low} to {high})"

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval: a significant difference."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def _repr_html_(self) -> str:
        is_proportion = self.low >= 0 and self.high <= 1
        start, stop = (0.0, 1.0) if is_proportion else (min(self.low, 0.0), max(self.high, 0.0))
        span = (stop - start) or 1.0
        low, value, high = (4 + 152 * (x - start) / span for x in (self.low, self.value, self.high))
        text = self.percent() if is_proportion else str(self)
        return (
            f'<svg width="160" height="14" role="img" aria-label="{text}" style="vertical-align:middle">'
            '<line x1="4" x2="156" y1="7" y2="7" stroke="currentColor" stroke-opacity="0.25"/>'
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="7" y2="7" stroke="currentColor" stroke-width="4"/>'
            f'<circle cx="{value:.1f}" cy="7" r="4" fill="currentColor"/></svg> {text}'
        )
