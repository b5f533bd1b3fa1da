"""What ``tellapart predict`` prints."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tellapart.cli.formatting import SHOWN_ROWS, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.predictor import PredictedFiles
from tellapart.cli.output.tables import percent_or_blank


def predict_output(found: PredictedFiles) -> Answer:
    """A line a file, up to a screenful, and how many could not be read."""
    rows = found.records()
    where = "all of them are in the table" if found.out else "all of them with --out FILE.csv or --json"
    lines: list[Line] = [
        f"{row['predicted'] or 'unreadable':<20} {percent_or_blank(row['probability']):>7}  {row['path']}"
        + (f"  ({row['reason']})" if row["reason"] else "")
        for row in rows[:SHOWN_ROWS]
    ]
    if len(rows) > SHOWN_ROWS:
        counts = Counter(row["predicted"] for row in rows if row["predicted"])
        lines.append(f"... and {len(rows) - SHOWN_ROWS:,} more ({where})")
        lines.append("in all: " + ", ".join(f"{count:,} {name}" for name, count in counts.most_common()))
    if found.unreadable:
        lines.append(f"{len(found.unreadable):,} of {count(len(found.files), 'file')} could not be read")
    if found.views > 1:
        changed = int((found.predictions.predicted != found.first_view.predicted).sum())
        lines.append(f"averaged over {count(found.views, 'view')} of each image; {changed:,} answers are others than with one")
    if found.out:
        lines.append(Styled(shown(found.out), before=f"{count(len(rows), 'row')} written to ", bold=True))
    return lines, rows
