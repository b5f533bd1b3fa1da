"""What ``tellapart balance`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.cli.formatting import aligned, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count


def balance_output(found: dict[str, Any]) -> Answer:
    """A bar a class, the ratio, what to do, and where the list lies."""
    most = max(one["train"] for one in found["classes"])
    is_written = found["out"] is not None
    rows = [["class", "training photos", "", "kept" if is_written else "", "val", "test", "weight"]]
    for one in found["classes"]:
        reported = [f"{one[part]:,}" if one[part] else "" for part in ("val", "test")]
        kept = f"{one['kept']:,}" if is_written else ""
        rows.append(
            [one["label"], f"{one['train']:,}".rjust(6), _bar(one["kept"], one["train"], most), kept, *reported, f"{one['weight']:.2f}"]
        )
    lines: list[Line] = [*aligned(rows), f"the largest class has {found['ratio']:g} times the training photos of the smallest"]
    lines.append(f"what to do: {found['advice']}")
    if is_written:
        lines.append(f"{count(found['left_out'], 'training photo')} left out; val and test photos stay as they are, as the world is")
        out = shown(Path(found["out"]))
        lines.append(Styled(out, bold=True, after=f"  (next: tellapart train {out})"))
    return lines, found


def _bar(kept: int, count: int, most: int, width: int = 40) -> str:
    """A bar of ``count`` out of ``most``, its end hollow where photos are left out; never empty."""
    whole = max(1, round(width * count / most))
    full = min(whole, max(1, round(width * kept / most))) if kept else 0
    return "█" * full + "░" * (whole - full)
