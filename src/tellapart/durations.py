"""Parsing and formatting durations."""

from __future__ import annotations

import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float | None:
    """Parse ``90``, ``90s``, ``10m``, ``2h``, ``1h30m`` or ``3d`` into seconds; None if it is not a duration.

    >>> seconds_of("1h30m")
    5400.0
    """
    text = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text) or None
    parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * UNITS[unit] for number, unit in parts) or None


def duration_complaint(text: str) -> str | None:
    """Why ``text`` is not a duration; None if it is one."""
    return None if seconds_of(text) else f"{text!r} is not a duration; write 90s, 10m, 2h or 3d"


def duration_text(seconds: float) -> str:
    """Format seconds in a readable unit.

    >>> [duration_text(seconds) for seconds in (0.31, 42, 750, 7500)]
    ['0.3 s', '42 s', '12 min', '2 h 5 min']
    """
    if seconds < 99.5:
        return f"{seconds:.{1 if seconds < 9.95 else 0}f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
