"""What ``tellapart predict`` prints."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from tellapart.cli.formatting import SHOWN_ROWS, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.predictor import PredictedFiles
from tellapart.cli.output.tables import percent_or_blank

STRANGE = 0.05
"""Familiarity up to which a line says it."""


def _percent(value: str | float | None) -> str:
    return percent_or_blank(value if isinstance(value, float) else None)


def predict_output(result: PredictedFiles) -> Answer:
    """One line per file, up to a screenful, and the number of files that cannot be read."""
    total = len(result.files)
    where = "all of them are in the table" if result.out else "all of them with --out FILE.csv or --json"
    lines: list[Line] = [
        f"{row['predicted'] or 'unreadable':<20} {_percent(row['probability']):>7}  {row['path']}"
        + (f"  ({row['reason']})" if row["reason"] else "")
        + "".join(f"  [{row[name]}]" for name in result.more if row[name])
        + _strange(row)
        for row in islice(result.iter_records(), SHOWN_ROWS)
    ]
    if total > SHOWN_ROWS:
        counts = Counter(result.answered)
        lines.append(f"... and {total - SHOWN_ROWS:,} more ({where})")
        lines.append("in all: " + ", ".join(f"{count:,} {name}" for name, count in counts.most_common()))
    if result.unreadable:
        lines.append(f"{len(result.unreadable):,} of {count(len(result.files), 'file')} could not be read")
    if result.views > 1:
        changed = int((result.predictions.predicted != result.first_view.predicted).sum())
        lines.append(
            f"averaged over {count(result.views, 'view')} of each image;"
            f" {count(changed, 'prediction differs', 'predictions differ')} from those of one view"
        )
    if result.out:
        lines.append(Styled(shown(result.out), before=f"{count(total, 'row')} written to ", bold=True))
    if result.sheet:
        lines.append(Styled(shown(result.sheet), before="contact sheet: ", bold=True))
    if result.sorted_into:
        lines.append(
            Styled(shown(result.sorted_into), before=f"{count(len(result.predictions), 'image')} copied by class into ", bold=True)
        )
    return lines, result.records


def _strange(row: dict[str, Any]) -> str:
    """How familiar an image is, where it is little."""
    value = row.get("familiarity")
    return "" if value is None or value > STRANGE else f"  (familiarity {value:.2g})"
