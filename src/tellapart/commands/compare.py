"""tellapart compare: which of two runs is better, on the same images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.options import Options, dataclass, with_options
from tellapart.progress import AUTO, Progress

if TYPE_CHECKING:
    from tellapart.evaluation import Comparison


@dataclass(frozen=True, kw_only=True)
class CompareOptions(Options):
    """How to compare (there is nothing to choose)."""


@with_options(CompareOptions)
def compare(first: str | Path, second: str | Path, *, options: CompareOptions, progress: Progress = AUTO) -> Comparison:
    """Compare two runs on the images both report.

    Images that either run trained on are left out.

    Args:
        first: a run folder.
        second: another; differences are second minus first.
        progress: not used; every verb takes it.
        options: as keywords; see :class:`CompareOptions`.

    Returns:
        Names and scores of both runs on these images, and the differences with their intervals.

    Raises:
        DataError: the runs share no reported image, or their classes differ.
    """
    from dataclasses import replace

    import numpy as np

    from tellapart.evaluation import compare as compared
    from tellapart.evaluation.comparison import score_both
    from tellapart.runs import open_judged_run

    runs = [open_judged_run(where) for where in (first, second)]
    trained_on = {row.image_id for run in runs for row in run.rows if row.is_used and row.part == "train"}
    sides = []
    for run in runs:
        predictions = run.predictions
        sides.append(predictions.where(np.array([image_id not in trained_on for image_id in predictions.image_ids], dtype=bool)))
    found = compared(*sides)
    return replace(found, names=_names(*(run.folder for run in runs)), scores=score_both(sides[0], sides[1], found.rows))


def _names(first: Path, second: Path) -> tuple[str, str]:
    """What to call two run folders: their names, with as many of the folders above as tell them apart."""
    if first.resolve() == second.resolve():
        return f"{first.name} (first)", f"{second.name} (second)"
    for depth in range(1, max(len(first.parts), len(second.parts)) + 1):
        names = "/".join(first.parts[-depth:]), "/".join(second.parts[-depth:])
        if names[0] != names[1]:
            return names
    return str(first), str(second)
