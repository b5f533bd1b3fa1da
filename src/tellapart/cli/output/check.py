"""What ``tellapart check`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, first_lines, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.check import CheckResult, IssueSummary

HEAD = ("issue", "files", "share", "the worst")
MAX_NAMED = 5


def check_output(result: CheckResult) -> Answer:
    """One line per issue with its worst example, what else is known of the data set, and what to do next."""
    lines: list[Line] = [f"{count(result.files, 'file')}, {count(result.images, 'different image')} that can be used"]
    rows = [(one.title, f"{one.n:,}", f"{100 * one.share:.1f} %", _worst(one)) for one in result.issues if one.n]
    if rows:
        table = aligned([HEAD, *rows], before="  ")
        lines += [Styled(table[0], bold=True), *table[1:]]
    clean = [one.title.lower() for one in result.issues if not one.n]
    lines += [f"none: {', '.join(clean)}"] if clean else []
    lines += [f"not checked: {name.replace('_', ' ')} ({reason})" for name, reason in result.skipped.items()]
    if result.noise is not None:
        lines.append(f"about {100 * result.noise:.1f} % of the labels are probably wrong")
    lines += [sentence for sentence in (result.balance, result.sources) if sentence]
    if result.doubtful:
        lines.append("look at these first (outliers and probably wrong labels; unusual is not wrong):")
        lines += [f"  {one.path}" for one in result.doubtful[:MAX_NAMED]]
    return [*lines, *_applied(result), *_next(result)], result.as_dict()


def _worst(one: IssueSummary) -> str:
    if one.suggested:
        return f"{one.worst}  ({one.suggested}?)"
    return f"{one.worst}  ({one.reason})" if one.reason else str(one.worst)


def _applied(result: CheckResult) -> list[str]:
    applied = result.applied
    if applied is None:
        return []
    if not applied.changed:
        return ["nothing to exclude: no decision was written"]
    counts = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in applied.counts.items())
    lines = [f"{len(applied.changed):,} excluded ({counts}), no file was touched:"]
    lines += first_lines([f"  {one.path}" for one in applied.changed])
    lines.append("now: " + ", ".join(f"{number:,} {name}" for name, number in applied.left.items()))
    return [*lines, f"to undo: tellapart undo FOLDER --batch {applied.batch}"]


def _next(result: CheckResult) -> list[Line]:
    lines: list[Line] = [f"table:  {shown(result.table.absolute())}"]
    how = " (open it to review; then tellapart decisions FOLDER --apply decisions.jsonl)"
    lines.append(Styled(shown(result.review.absolute()), bold=True, before="review: ", after=how))
    if result.applied is None and any(one.n and one.proposal == "exclude" for one in result.issues):
        lines.append("to exclude at once (can be undone): --apply duplicates,broken,contradictions,leaks")
    return lines
