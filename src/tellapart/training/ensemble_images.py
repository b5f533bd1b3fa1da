"""The images of several runs as those of one: what any of them trained on is training, and only what all report is reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tellapart.dataset.file_rows import USED, FileRow
from tellapart.dataset.parts import REPORTED
from tellapart.errors import DataError
from tellapart.predictions import Predictions
from tellapart.run_folder import Run

TAKEN_OUT = "not every run of the ensemble reports it, or one trained on a near-duplicate of it"


def training_rows_by_id(runs: Sequence[Run]) -> dict[str, FileRow]:
    """The training images of all runs by id; the row of the first run that trained on it, its path absolute where the folder is another."""
    found: dict[str, FileRow] = {}
    for run in runs:
        is_elsewhere = run.metrics["folder"] != runs[0].metrics["folder"]
        for row in run.rows:
            if row.is_used and row.part == "train" and row.image_id and row.image_id not in found:
                found[row.image_id] = replace(row, path=str(Path(run.metrics["folder"], row.path))) if is_elsewhere else row
    return found


def reported_by_all(runs: Sequence[Run]) -> Predictions:
    """The first run's predictions of the images that all runs report and none trained on, nor on a near-duplicate.

    Raises:
        DataError: there are none.
    """
    first = runs[0].predictions
    trained = training_rows_by_id(runs)
    learned = {row.group for run in runs for row in run.rows if row.is_used and row.part == "train"}
    reported = [dict(zip(run.predictions.image_ids, run.predictions.groups, strict=True)) for run in runs]

    def is_fair(image_id: str) -> bool:
        return image_id not in trained and all(image_id in groups and groups[image_id] not in learned for groups in reported)

    found = first.where(np.array([is_fair(image_id) for image_id in first.image_ids], dtype=bool))
    if not len(found):
        raise DataError(
            f"there is no image that all of these runs report and none trained on: {', '.join(run.name for run in runs)}",
            hint="train them with the same --seed, or with your own test or val folder",
        )
    return found


def merged_rows(runs: Sequence[Run], reported: Predictions) -> list[FileRow]:
    """The first run's rows with the parts they have for all runs, and at the end what only other runs trained on.

    Args:
        runs: the runs.
        reported: what :func:`reported_by_all` gave.
    """
    trained, kept = training_rows_by_id(runs), set(reported.image_ids)
    used = {row.image_id for row in runs[0].rows if row.is_used}
    rows = []
    for row in runs[0].rows:
        known = trained.get(row.image_id or "")
        if row.is_used and row.part in REPORTED:
            if known is not None:
                row = replace(row, part="train", neighbors=(), similarities=())
            elif row.image_id not in kept:
                row = replace(row.left_out(TAKEN_OUT), neighbors=(), similarities=())
        elif known is not None and row.image_id not in used:
            row = replace(row, label=known.label, group=known.group, part="train", status=USED, reason=None)
            used.add(row.image_id)
        rows.append(row)
    return [*rows, *(replace(row, x=None, y=None) for image_id, row in trained.items() if image_id not in used)]
