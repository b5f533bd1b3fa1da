"""What ``tellapart balance`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.balance import BalanceResult


def balance_output(result: BalanceResult) -> Answer:
    """One bar per class, the ratio, what to do, and the manifest."""
    most = max(one.train for one in result.classes)
    is_written = result.out is not None
    rows = [["class", "training images", "", "kept" if is_written else "", "val", "test", "weight"]]
    for one in result.classes:
        reported = [f"{number:,}" if number else "" for number in (one.val, one.test)]
        undersampled = f"{one.kept:,}" if is_written else ""
        rows.append([one.label, f"{one.train:,}".rjust(6), _bar(one.kept, one.train, most), undersampled, *reported, f"{one.weight:.2f}"])
    ratio = "the classes have the same number of training images"
    if f"{result.ratio:g}" != "1":
        ratio = f"the largest class has {result.ratio:g} times the training images of the smallest"
    lines: list[Line] = [*aligned(rows), ratio]
    lines.append(f"what to do: {result.advice}")
    if result.out is not None:
        lines.append(f"{count(result.left_out, 'training image')} left out; val and test keep their natural distribution")
        out = shown(result.out)
        lines.append(Styled(out, bold=True, after=f"  (next: tellapart train {out})"))
    return lines, result.as_dict()


def _bar(undersampled: int, count: int, most: int, width: int = 40) -> str:
    """A bar of ``count`` out of ``most``, its end hollow where images are left out; never empty."""
    whole = max(1, round(width * count / most))
    full = min(whole, max(1, round(width * undersampled / most))) if undersampled else 0
    return "█" * full + "░" * (whole - full)
