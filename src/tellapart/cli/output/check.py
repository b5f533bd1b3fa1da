"""What a check found, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.cli.formatting import aligned, first_lines, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

HEAD = ("issue", "files", "share", "the worst")
MOST_NAMED = 5


def check_output(found: dict[str, Any]) -> Answer:
    """A line an issue with its worst example, what else is to be said of the set, and what to do next."""
    lines: list[Line] = [f"{count(found['files'], 'file')}, {count(found['images'], 'different image')} that can be used"]
    rows = [(one["title"], f"{one['n']:,}", f"{100 * one['share']:.1f} %", _worst(one)) for one in found["issues"] if one["n"]]
    if rows:
        table = aligned([HEAD, *rows], before="  ")
        lines += [Styled(table[0], bold=True), *table[1:]]
    clean = [one["title"].lower() for one in found["issues"] if not one["n"]]
    lines += [f"none: {', '.join(clean)}"] if clean else []
    lines += [f"not looked for: {name.replace('_', ' ')} ({reason})" for name, reason in found["skipped"].items()]
    if found["noise"] is not None:
        lines.append(f"about {100 * found['noise']:.1f} % of the labels are probably wrong")
    lines += [sentence for sentence in (found["balance"], found["sources"]) if sentence]
    if found["doubtful"]:
        lines.append("look at these first (the least like their class and the most doubted labels; strange is not wrong):")
        lines += [f"  {one['path']}" for one in found["doubtful"][:MOST_NAMED]]
    return [*lines, *_applied(found), *_next(found)], found


def _worst(one: dict[str, Any]) -> str:
    if one["suggested"]:
        return f"{one['worst']}  ({one['suggested']}?)"
    return f"{one['worst']}  ({one['reason']})" if one["reason"] else str(one["worst"])


def _applied(found: dict[str, Any]) -> list[str]:
    said = found["applied"]
    if said is None:
        return []
    if not said["changed"]:
        return ["nothing to exclude: no decision was written"]
    counts = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in said["counts"].items())
    lines = [f"{len(said['changed']):,} excluded ({counts}), no file was touched:"]
    lines += first_lines([f"  {one['path']}" for one in said["changed"]])
    lines.append("now: " + ", ".join(f"{number:,} {name}" for name, number in said["left"].items()))
    return [*lines, f"to take it back: tellapart undo FOLDER --batch {said['batch']}"]


def _next(found: dict[str, Any]) -> list[Line]:
    lines: list[Line] = [f"table:  {shown(Path(found['table']).absolute())}"]
    how = " (open it to look and decide; then tellapart decisions FOLDER --apply decisions.jsonl)"
    lines.append(Styled(shown(Path(found["review"]).absolute()), bold=True, before="review: ", after=how))
    if found["applied"] is None and any(one["n"] and one["proposal"] == "exclude" for one in found["issues"]):
        lines.append("to exclude at once, undoably: --apply duplicates,broken,contradictions,leaks")
    return lines
