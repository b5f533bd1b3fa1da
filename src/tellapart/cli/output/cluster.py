"""What the verbs say that explore a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.cli.columns import aligned
from tellapart.cli.listing import first_lines, several, shown
from tellapart.cli.terminal import Answer, Styled
from tellapart.counts import count

HEAD = ("cluster", "images", "name", "looks like", "labels")
SHOWN_LABELS = 4


def of_cluster(found: dict[str, Any]) -> Answer:
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
    lines += _left_out(found["left_out"])
    if applied := found["applied"]:
        lines.append(f"{len(applied['changed']):,} relabeled: " + several([f"{n:,} {label}" for label, n in applied["left"].items()]))
        if applied["batch"] is not None:
            lines.append(f"to take it back: tellapart undo FOLDER --batch {applied['batch']}")
    if found["folders"]:
        lines.append(Styled(shown(Path(found["folders"])), before="a folder a cluster: ", bold=True))
    return [*lines, Styled(shown(Path(found["out"])), before="contact sheets: ", bold=True)], found


def of_similar(found: dict[str, Any]) -> Answer:
    """A line a similar image, the most similar first; for all, how often the most similar one has the same label."""
    lines = first_lines([f"{one['cosine']:.3f}  {one['path']}" for one in found["similar"]])
    if found["image"] is None:
        lines.append(f"{count(found['images'], 'image')} by {found['features']}")
        if found["same_label"] is not None:
            lines.append(f"the most similar image has the same label in {100 * found['same_label']:.1f} % of them")
    return [*lines, *_left_out(found["left_out"]), Styled(shown(Path(found["out"])), bold=True)], found


def _mix(classes: Mapping[str, int]) -> str:
    """Labels with their counts, the most frequent first."""
    return several([f"{label} {count:,}" for label, count in classes.items()], most=SHOWN_LABELS)


def _left_out(left_out: Mapping[str, str]) -> list[str]:
    listed = [f"  {path}  ({reason})" for path, reason in left_out.items()]
    return [f"{len(listed):,} left out:", *first_lines(listed)] if listed else []
