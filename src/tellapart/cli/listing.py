"""Lists short enough to be read on a screen."""

from __future__ import annotations

from pathlib import Path

from tellapart.paths import printable

SHOWN_ROWS = 20


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
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
