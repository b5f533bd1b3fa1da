"""A number and its 95 % interval in words, from the plain values that verbs return."""

from __future__ import annotations

from collections.abc import Mapping


def share(interval: Mapping[str, float]) -> str:
    """``98.9 % (97.9 to 99.4)``."""
    return f"{100 * interval['value']:.1f} % ({100 * interval['low']:.1f} to {100 * interval['high']:.1f})"


def number(interval: Mapping[str, float], digits: int = 4) -> str:
    """``0.0303 (0.0198 to 0.0412)``."""
    return f"{interval['value']:.{digits}f} ({interval['low']:.{digits}f} to {interval['high']:.{digits}f})"
