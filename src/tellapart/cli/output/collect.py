"""What the verb ``collect`` says: a table of the classes, what is short and why, and every failure explained."""

from __future__ import annotations

import time
from typing import Any

from tellapart.cli.formatting import aligned
from tellapart.cli.terminal import Answer
from tellapart.counts import count
from tellapart.durations import in_words

SHOWN_REASONS = 12


def collect_output(found: dict[str, Any]) -> Answer:
    """How a collection stands."""
    kept = sum(one["kept"] for one in found["classes"])
    now = f", {found['new']:,} of them new, in {in_words(found['seconds'])}" if found["seconds"] else ""
    lines = [f"{found['out']}: {count(kept, 'image')}{now}", ""]
    lines += aligned(_classes(found["classes"]))
    for label in found["short"]:
        first, *rest = found["short"][label]
        lines += ["", first, *(f"  {sentence}" for sentence in rest)]
    lines += _failures(found)
    lines += ["", *found["uneven"]] if found["uneven"] else []
    lines += ["", *_what_next(found, kept)]
    return lines if lines[-1] else lines[:-1], found


def _classes(classes: list[dict[str, Any]]) -> list[list[str]]:
    rows = [["class", "kept", "wanted", "duplicates", "refused", "waiting", "in the queue", "from"]]
    for one in classes:
        sources = ", ".join(f"{name} {number:,}" for name, number in sorted(one["sources"].items(), key=lambda item: -item[1]))
        numbers = [_shown(one[name]) for name in ("duplicates", "refused", "waiting", "queued")]
        wanted = "all" if one["wanted"] is None else f"{one['wanted']:,}"
        rows.append([one["label"], f"{one['kept']:,}", wanted, *numbers, sources])
    return rows


def _shown(number: int) -> str:
    return f"{number:,}" if number else ""


def _failures(found: dict[str, Any]) -> list[str]:
    """A line for each reason, the most frequent first."""
    rows = [["addresses", "why", "where", "what to make of it"]]
    rows += [[f"{one['number']:,} x", one["reason"], one["host"], one["advice"]] for one in found["reasons"][:SHOWN_REASONS]]
    rest = found["more_reasons"] + sum(one["number"] for one in found["reasons"][SHOWN_REASONS:])
    lines = ["", *aligned(rows)] if len(rows) > 1 else []
    lines += [f"and {rest:,} more, for other reasons (--json shows more of them; the ledger holds all: {found['ledger']})"] if rest else []
    searches = [
        f"{source}: {number:,} {'search' if number == 1 else 'searches'} failed: {reason}"
        for source, reason, number in found["search_failures"]
    ]
    lines += ["", *searches] if searches else []
    if found["in_two_classes"]:
        lines += ["", f"{count(found['in_two_classes'], 'address was', 'addresses were')} found for two classes; each counts for the first"]
    return lines


def _what_next(found: dict[str, Any], kept: int) -> list[str]:
    lines = []
    waiting = sum(one["waiting"] for one in found["classes"])
    if waiting and found["next_try"]:
        when = time.strftime("%H:%M", time.localtime(found["next_try"]))
        lines.append(
            f"{count(waiting, 'address', 'addresses')} may yet work, the first from {when} on: tellapart collect -o {found['out']}"
        )
    if kept:
        lines.append(f"who made what, and under which license: {found['out'].rstrip('/')}/ATTRIBUTION.csv")
        if found["shards"]:
            lines.append(f"{found['shards']:,} shards hold the images; tar xf makes class folders of them")
        lines.append(f"next: tellapart train {found['out']}")
    return lines
