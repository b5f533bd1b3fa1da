"""What ``tellapart collect`` prints: a table of the classes, what is missing and why, and every failure explained."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned
from tellapart.cli.terminal import Answer
from tellapart.counts import count
from tellapart.durations import duration_text

if TYPE_CHECKING:
    from tellapart.collection.status import ClassStatus, CollectResult

SHOWN_REASONS = 12


def collect_output(result: CollectResult) -> Answer:
    """The state of a collection, class by class."""
    stored = sum(one.kept for one in result.classes)
    now = f", {result.new:,} of them new, in {duration_text(result.seconds)}" if result.seconds else ""
    lines = [f"{result.out}: {count(stored, 'image')}{now}", ""]
    lines += aligned(_classes(result.classes))
    for label in result.short:
        first, *rest = result.short[label]
        lines += ["", first, *(f"  {sentence}" for sentence in rest)]
    lines += _failures(result)
    lines += ["", *result.uneven] if result.uneven else []
    lines += ["", *_what_next(result, stored)]
    return lines if lines[-1] else lines[:-1], result.as_dict()


def _classes(classes: Sequence[ClassStatus]) -> list[list[str]]:
    rows = [["class", "kept", "wanted", "duplicates", "refused", "waiting", "in the queue", "from"]]
    for one in classes:
        sources = ", ".join(f"{name} {number:,}" for name, number in sorted(one.sources.items(), key=lambda item: -item[1]))
        numbers = [_shown(number) for number in (one.duplicates, one.refused, one.waiting, one.queued)]
        quota = "all" if one.wanted is None else f"{one.wanted:,}"
        rows.append([one.label, f"{one.kept:,}", quota, *numbers, sources])
    return rows


def _shown(number: int) -> str:
    return f"{number:,}" if number else ""


def _failures(result: CollectResult) -> list[str]:
    """A line for each reason, the most frequent first."""
    rows = [["addresses", "why", "where", "what to make of it"]]
    rows += [[f"{one.number:,} x", one.reason, one.host, one.advice] for one in result.reasons[:SHOWN_REASONS]]
    rest = result.more_reasons + sum(one.number for one in result.reasons[SHOWN_REASONS:])
    lines = ["", *aligned(rows)] if len(rows) > 1 else []
    lines += [f"and {rest:,} more, for other reasons (--json shows more of them; the ledger holds all: {result.ledger})"] if rest else []
    searches = [
        f"{source}: {number:,} {'search' if number == 1 else 'searches'} failed: {reason}"
        for source, reason, number in result.search_failures
    ]
    lines += ["", *searches] if searches else []
    if result.in_two_classes:
        lines += ["", f"{count(result.in_two_classes, 'address was', 'addresses were')} found for two classes; each counts for the first"]
    return lines


def _what_next(result: CollectResult, stored: int) -> list[str]:
    lines = []
    waiting = sum(one.waiting for one in result.classes)
    if waiting and result.next_try:
        when = time.strftime("%H:%M", time.localtime(result.next_try))
        lines.append(f"{count(waiting, 'address', 'addresses')} may yet work, the first from {when} on: tellapart collect -o {result.out}")
    if stored:
        lines.append(f"who made what, and under which license: {result.out.rstrip('/')}/ATTRIBUTION.csv")
        if result.shards:
            lines.append(f"{count(result.shards, 'shard holds', 'shards hold')} the images; tar xf makes class folders of them")
        lines.append(f"next: tellapart train {result.out}")
    return lines
