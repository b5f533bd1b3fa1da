"""What ``tellapart cluster`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.cli.formatting import aligned, first_lines, several, shown
from tellapart.cli.output.tables import left_out_lines
from tellapart.cli.terminal import Answer, Styled

HEAD = ("cluster", "images", "name", "looks like", "labels")


SHOWN_LABELS = 4


def cluster_output(found: dict[str, Any]) -> Answer:
    """A row a cluster, how k was chosen, what the clusters follow, how they agree with labels, and where the sheets lie."""
    rows = [
        (str(one["number"]), f"{one['size']:,}", one["name"] or "", ", ".join(one["words"]), _mix(one["classes"]))
        for one in found["clusters"]
    ]
    table = aligned([HEAD, *rows]) if rows else []
    lines = [found["sentence"], *table[:1], *first_lines(table[1:])]
    if choice := found["choice"]:
        tail = f"; {found['k']} are shown only to be looked at" if choice["suggested"] is None else ""
        lines.append(f"{choice['reason']}{tail}")
    lines.append(found["encoding"]["sentence"])
    if scores := found["scores"]:
        lines.append(
            f"beside the labels of {scores['images']:,} images: {100 * scores['accuracy']:.1f} % in the cluster of their class,"
            f" NMI {scores['nmi']:.3f}, ARI {scores['ari']:.3f}"
        )
    lines += [Styled(note, fg="yellow") for note in found["notes"]]
    lines += left_out_lines(found["left_out"])
    if applied := found["applied"]:
        lines.append(f"{len(applied['changed']):,} relabeled: " + several([f"{n:,} {label}" for label, n in applied["left"].items()]))
        if applied["batch"] is not None:
            lines.append(f"to undo it: tellapart undo FOLDER --batch {applied['batch']}")
    if found["folders"]:
        lines.append(Styled(shown(Path(found["folders"])), before="a folder a cluster: ", bold=True))
    return [*lines, Styled(shown(Path(found["out"])), before="contact sheets: ", bold=True)], found


def _mix(classes: Mapping[str, int]) -> str:
    """Labels with their counts, the most frequent first."""
    return several([f"{label} {count:,}" for label, count in classes.items()], most=SHOWN_LABELS)
