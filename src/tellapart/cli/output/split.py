"""What the verb ``split`` says: a table of the parts, what stands in several of them, and what that would be worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.cli.formatting import aligned, first_lines, number, share, shown
from tellapart.cli.terminal import Answer, Styled
from tellapart.counts import count

MOST_CLASSES = 12


def split_output(found: dict[str, Any]) -> Answer:
    """How many images of each class are in each part, what leaks, and where the manifest lies."""
    is_bad = found["how"].startswith("first")
    title = f"{count(found['images'], 'image')} in {count(found['groups'], 'group')}, {found['how']}"
    lines = [title + (": a bad split, made on purpose" if is_bad else ""), *aligned(_table(found["parts"]), before="  ")]
    if found["folds"]:
        lines.append("folds: " + ", ".join(f"{count:,}" for count in found["folds"].values()))
    lines += _left_out(found["left_out"]) + _crossings(found["crossings"]) + _leak(found["leak"])
    out = Path(found["out"])
    return [*lines, Styled(shown(out), bold=True), f"next: tellapart train {shown(out)}"], found


def _table(parts: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    labels = sorted({label for counts in parts.values() for label in counts})
    rows = [["class", *parts]]
    rows += [[label or "(no label)", *(f"{counts.get(label, 0):,}" for counts in parts.values())] for label in labels[:MOST_CLASSES]]
    if len(labels) > MOST_CLASSES:
        rows.append([f"and {len(labels) - MOST_CLASSES:,} more", *("" for _ in parts)])
    return [*rows, ["all", *(f"{sum(counts.values()):,}" for counts in parts.values())]]


def _left_out(left_out: Mapping[str, str]) -> list[str]:
    if not left_out:
        return []
    reasons = Counter(reason.partition(" of ")[0] if reason.startswith("exact copy") else reason for reason in left_out.values())
    return [f"{len(left_out):,} left out:", *first_lines([f"  {count:,} x {reason}" for reason, count in reasons.most_common()])]


def _crossings(crossed: Mapping[str, Any]) -> list[str]:
    if not crossed["groups"]:
        return ["nothing stands in two parts"]
    lines = [
        f"{count(crossed['groups'], 'group stands', 'groups stand')} in several parts:"
        f" {count(crossed['exact_pairs'], 'pair')} of the same bytes,"
        f" {crossed['near_pairs']:,} of near-duplicates;"
        f" {count(crossed['images'], 'training image is', 'training images are')} concerned"
    ]
    return lines + first_lines([f"  {pair['kind']:<5}  {pair['first']}  {pair['second']}  ({pair['parts']})" for pair in crossed["pairs"]])


def _leak(leak: Mapping[str, Any]) -> list[str]:
    if "reason" in leak:
        return [f"no scores: {leak['reason']}"]
    what = {
        "leaking": f"a probe judged on {count(leak['n'], leak['part'] + ' image')}, with and without the {leak['images']:,} that leak",
        "would leak": f"had the groups been divided ({count(leak['images'], 'image')}), judged on"
        f" {count(leak['n'], leak['part'] + ' image')}",
    }[leak["kind"]]
    rows = [["", "accuracy (95 %)", "log loss (95 %)"]]
    rows += [[name, share(leak[name]["accuracy"]), number(leak[name]["log_loss"])] for name in ("naive", "honest")]
    return [what, *aligned(rows, before="  "), leak["comparison"]["verdict"]]
