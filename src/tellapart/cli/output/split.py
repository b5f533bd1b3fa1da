"""What ``tellapart split`` prints: a table of the parts, what lies in several of them, and how much that inflates the score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, first_lines, number, shown
from tellapart.cli.terminal import Answer, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.split import SplitResult
    from tellapart.training.leakage import Crossings, LeakageEstimate, NoEstimate

MAX_CLASSES = 12


def split_output(result: SplitResult) -> Answer:
    """How many images of each class are in each part, what leaks, and where the manifest lies."""
    is_bad = result.strategy.startswith("first")
    title = f"{count(result.images, 'image')} in {count(result.groups, 'group')}, {result.strategy}"
    lines = [title + (": a bad split, made on purpose" if is_bad else ""), *aligned(_table(result.parts), before="  ")]
    if result.folds:
        lines.append("folds: " + ", ".join(f"{count:,}" for count in result.folds.values()))
    lines += _left_out(result.left_out) + _crossings(result.crossings) + _leak(result.leak)
    out = shown(result.out)
    return [*lines, Styled(out, bold=True), f"next: tellapart train {out}"], result.as_dict()


def _table(parts: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    labels = sorted({label for counts in parts.values() for label in counts})
    rows = [["class", *parts]]
    rows += [[label or "(no label)", *(f"{counts.get(label, 0):,}" for counts in parts.values())] for label in labels[:MAX_CLASSES]]
    if len(labels) > MAX_CLASSES:
        rows.append([f"and {len(labels) - MAX_CLASSES:,} more", *("" for _ in parts)])
    return [*rows, ["all", *(f"{sum(counts.values()):,}" for counts in parts.values())]]


def _left_out(left_out: Mapping[str, str]) -> list[str]:
    if not left_out:
        return []
    reasons = Counter(reason.partition(" of ")[0] if reason.startswith("exact copy") else reason for reason in left_out.values())
    return [f"{len(left_out):,} left out:", *first_lines([f"  {count:,} x {reason}" for reason, count in reasons.most_common()])]


def _crossings(crossings: Crossings) -> list[str]:
    if not crossings.groups:
        return ["no group lies in two parts"]
    lines = [
        f"{count(crossings.groups, 'group lies', 'groups lie')} in several parts:"
        f" {count(crossings.exact_pairs, 'pair')} of the same bytes,"
        f" {crossings.near_pairs:,} of near-duplicates;"
        f" {count(crossings.images, 'training image is', 'training images are')} affected"
    ]
    return lines + first_lines([f"  {pair.kind:<5}  {pair.first}  {pair.second}  ({pair.parts})" for pair in crossings.pairs])


def _leak(leak: LeakageEstimate | NoEstimate) -> list[str]:
    from tellapart.training.leakage import NoEstimate

    if isinstance(leak, NoEstimate):
        return [f"no scores: {leak.reason}"]
    evaluated = count(leak.n, f"{leak.part} image")
    what = {
        "leaking": f"a linear probe evaluated on {evaluated}, with and without the {leak.images:,} that leak",
        "would leak": f"if the groups had been divided ({count(leak.images, 'image')}), evaluated on {evaluated}",
    }[leak.kind]
    rows = [["", "accuracy (95 %)", "log loss (95 %)"]]
    rows += [[name, score.accuracy.percent(), number(score.log_loss)] for name, score in (("naive", leak.naive), ("honest", leak.honest))]
    return [what, *aligned(rows, before="  "), leak.comparison.verdict]
