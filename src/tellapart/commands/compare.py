"""tellapart compare: compare two runs on the same images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.options import Options, dataclass, with_options
from tellapart.progress import AUTO, Progress

if TYPE_CHECKING:
    from tellapart.evaluation import Comparison


@dataclass(frozen=True, kw_only=True)
class CompareOptions(Options):
    """``compare`` has no options."""


@with_options(CompareOptions)
def compare(first: str | Path, second: str | Path, *, options: CompareOptions, progress: Progress = AUTO) -> Comparison:
    """Compare two runs on their common test images.

    Training images of either run are left out.

    Args:
        first: a run folder.
        second: another; differences are second minus first.
        progress: not used.
        options: as keywords; see :class:`CompareOptions`.

    Returns:
        Names and scores of both runs on these images, and the differences with their intervals.

    Raises:
        DataError: the runs have no test image in common, or their classes differ.
    """
    from dataclasses import replace

    import numpy as np

    from tellapart.evaluation import compare as compare_predictions
    from tellapart.evaluation.comparison import score_both
    from tellapart.run_folder import open_classifier_run

    runs = [open_classifier_run(where) for where in (first, second)]
    trained_on = {row.image_id for run in runs for row in run.rows if row.is_used and row.part == "train"}
    sides = []
    for run in runs:
        predictions = run.predictions
        sides.append(predictions.where(np.array([image_id not in trained_on for image_id in predictions.image_ids], dtype=bool)))
    comparison = compare_predictions(*sides)
    return replace(comparison, names=_names(*(run.folder for run in runs)), scores=score_both(sides[0], sides[1], comparison.rows))


def _names(first: Path, second: Path) -> tuple[str, str]:
    """Names for two run folders, with as many parent folders as it takes to make them differ."""
    if first.resolve() == second.resolve():
        return f"{first.name} (first)", f"{second.name} (second)"
    for depth in range(1, max(len(first.parts), len(second.parts)) + 1):
        names = "/".join(first.parts[-depth:]), "/".join(second.parts[-depth:])
        if names[0] != names[1]:
            return names
    return str(first), str(second)
