"""What ``tellapart cluster`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, first_lines, several, shown
from tellapart.cli.output.tables import left_out_lines
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.cluster import ClusterResult

HEAD = ("cluster", "images", "name", "looks like", "labels")
MAX_LABELS = 4


def cluster_output(result: ClusterResult) -> Answer:
    """One row per cluster, how k was chosen, what the clusters follow, their agreement with labels, and where the sheets are."""
    lines: list[Line] = [result.sentence, *_table(result)]
    if choice := result.choice:
        lines.append(choice.reason + (f"; {result.k} are shown only for inspection" if choice.suggested is None else ""))
    lines.append(result.encoding.sentence)
    if scores := result.scores:
        lines.append(
            f"compared with the labels of {count(scores.images, 'image')}: {100 * scores.accuracy:.1f} % in the cluster of their class,"
            f" NMI {scores.nmi:.3f}, ARI {scores.ari:.3f}"
        )
    lines += [Styled(note, fg="yellow") for note in result.notes]
    lines += left_out_lines(result.left_out)
    if applied := result.applied:
        lines.append(f"{len(applied.changed):,} relabeled: " + several([f"{n:,} {label}" for label, n in applied.left.items()]))
        if applied.batch is not None:
            lines.append(f"to undo it: tellapart undo FOLDER --batch {applied.batch}")
    if result.folders:
        lines.append(Styled(shown(result.folders), before="one folder per cluster: ", bold=True))
    return [*lines, Styled(shown(result.index), before="contact sheets: ", bold=True)], result.as_dict()


def _table(result: ClusterResult) -> list[str]:
    rows = [(str(one.number), f"{one.size:,}", one.name or "", ", ".join(one.words), _label_counts(one.classes)) for one in result.clusters]
    table = aligned([HEAD, *rows]) if rows else []
    return [*table[:1], *first_lines(table[1:])]


def _label_counts(classes: Mapping[str, int]) -> str:
    """Labels with their counts, the most frequent first."""
    return several([f"{label} {count:,}" for label, count in classes.items()], most=MAX_LABELS)
