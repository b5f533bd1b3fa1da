"""What ``tellapart runs`` and ``tellapart rm-run`` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, number, share, shown
from tellapart.cli.output.tables import signed_points
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count, data_size
from tellapart.durations import duration_text

if TYPE_CHECKING:
    from tellapart.commands.runs import RmRunResult, RunsResult
    from tellapart.interval import Interval
    from tellapart.workflows.leaderboard import RunEntry, RunGroup

HEAD = ("run", "model", "accuracy", "log loss", "against the first", "time", "size")


def runs_output(result: RunsResult) -> Answer:
    """A table for each set of images, the runs that have no score, and how far to trust the ranking."""
    entries = {entry.name: entry for entry in result.runs}
    lines: list[Line] = []
    for group in result.groups:
        lines += _group_lines(group, entries)
    if others := [entry for entry in result.runs if entry.part is None]:
        lines.append("without classes:")
        lines += [f"  {entry.name}  {_model(entry)}  {data_size(entry.size_bytes)}" for entry in others]
    lines += [Styled(f"{name}: {reason}", fg="yellow") for name, reason in result.unreadable.items()]
    lines += [f"note: {note}" for note in result.notes]
    if result.page is not None:
        lines.append(Styled(shown(result.page), before="page: ", bold=True))
    return lines, result.as_dict()


def _group_lines(group: RunGroup, entries: dict[str, RunEntry]) -> list[Line]:
    rows = []
    for rank in group.ranks:
        entry = entries[rank.name]
        scores = (share(entry.accuracy), number(entry.log_loss)) if entry.accuracy and entry.log_loss else ("", "")
        against = "" if rank.accuracy is None or rank.log_loss is None else f"{rank.standing}: {_difference(rank.accuracy, rank.log_loss)}"
        seconds = "" if entry.seconds is None else duration_text(entry.seconds)
        rows.append((entry.name, _model(entry), *scores, against, seconds, data_size(entry.size_bytes)))
    first = entries[group.ranks[0].name]
    head, *table = aligned([HEAD, *rows], before="  ")
    return [f"{count(group.n, 'image')} of {first.images} ({first.part})", head, Styled(table[0], bold=True), *table[1:]]


def _difference(accuracy: Interval, log_loss: Interval) -> str:
    """The difference that is significant; accuracy where none is."""
    if log_loss.excludes_zero and not accuracy.excludes_zero:
        return f"log loss {signed_points(log_loss)}"
    return accuracy.points()


def _model(entry: RunEntry) -> str:
    return f"{entry.recipe}, {entry.backbone}" if entry.backbone else entry.recipe


def rm_run_output(result: RmRunResult) -> Answer:
    """What was deleted, or how to delete it."""
    done = "deleted" if result.is_deleted else "would be deleted"
    lines: list[Line] = [f"{done}: {shown(run)}" for run in result.runs]
    total = data_size(result.size_bytes)
    lines.append(f"{total} freed" if result.is_deleted else f"{total}; nothing is deleted yet: repeat the command with --yes")
    return lines, result.as_dict()
