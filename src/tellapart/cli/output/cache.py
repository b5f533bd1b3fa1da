"""What ``tellapart cache`` prints."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned
from tellapart.cli.terminal import Answer, Line
from tellapart.counts import data_size

if TYPE_CHECKING:
    from tellapart.commands.cache import CacheKind, CacheResult

DAY_S = 86400
HEAD = ("kind", "size", "items", "last used (days ago)", "cleared", "what it is")


def cache_output(result: CacheResult) -> Answer:
    """A row for each kind, and the size of all."""
    lines: list[Line] = [f"{result.folder}: {data_size(result.size_bytes)}"]
    if result.kinds:
        lines += aligned([HEAD, *(_row(kind) for kind in result.kinds)], before="  ")
    if result.cleared_bytes:
        lines.append(f"{data_size(result.cleared_bytes)} cleared")
    return lines, result.as_dict()


def _row(kind: CacheKind) -> tuple[str, ...]:
    used = ""
    if kind.oldest is not None and kind.newest is not None:
        ages = sorted({round((time.time() - moment) / DAY_S) for moment in (kind.newest, kind.oldest)})
        used = " to ".join(f"{max(age, 0):,}" for age in ages)
    cleared = data_size(kind.cleared_bytes) if kind.cleared_bytes else ""
    what = kind.description + ("" if kind.can_be_cleared else "; never cleared")
    return kind.name, data_size(kind.size_bytes), f"{kind.items:,}", used, cleared, what
