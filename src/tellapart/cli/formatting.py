r"""Rows of words in columns.

>>> print("\n".join(aligned([["rung", "accuracy"], ["probe", "99 %"]])))
rung   accuracy
probe  99 %
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tellapart.interval import Interval
from tellapart.printable import printable


def aligned(rows: Sequence[Sequence[str]], *, before: str = "") -> list[str]:
    """One line per row, each column as wide as its widest cell, two spaces between; columns with nothing but a header are left out."""
    columns = [index for index in range(len(rows[0])) if any(row[index] for row in rows[1:])]
    widths = [max(len(row[index]) for row in rows) for index in columns]
    return [before + "  ".join(row[index].ljust(width) for index, width in zip(columns, widths, strict=True)).rstrip() for row in rows]


def share(interval: Interval) -> str:
    """``98.9 % (97.9 to 99.4)``."""
    return f"{100 * interval.value:.1f} % ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def number(interval: Interval, digits: int = 4) -> str:
    """``0.0303 (0.0198 to 0.0412)``."""
    return f"{interval.value:.{digits}f} ({interval.low:.{digits}f} to {interval.high:.{digits}f})"


SHOWN_ROWS = 20


def shown(path: Path) -> str:
    """A path, relative to the working directory where it lies inside."""
    try:
        return printable(str(path.relative_to(Path.cwd())))
    except ValueError:
        return printable(str(path))


def several(items: list[str], most: int = 6) -> str:
    """The first items with commas between, and how many more there are."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def first_lines(lines: list[str]) -> list[str]:
    """A screenful of lines, and how many more there are."""
    rest = len(lines) - SHOWN_ROWS
    return [*lines[:SHOWN_ROWS], *([f"  ... and {rest:,} more (all of them with --json)"] if rest > 0 else [])]
