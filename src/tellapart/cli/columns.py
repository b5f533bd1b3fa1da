r"""Rows of words in columns.

>>> print("\n".join(aligned([["rung", "accuracy"], ["probe", "99 %"]])))
rung   accuracy
probe  99 %
"""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], *, before: str = "") -> list[str]:
    """One line a row, each column as wide as its widest cell, two spaces between; columns without any cell but the head are left out."""
    kept = [place for place in range(len(rows[0])) if any(row[place] for row in rows[1:])]
    widths = [max(len(row[place]) for row in rows) for place in kept]
    return [before + "  ".join(row[place].ljust(width) for place, width in zip(kept, widths, strict=True)).rstrip() for row in rows]
