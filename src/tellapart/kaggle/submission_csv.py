"""The rows of a submission: probabilities kept away from 0 and 1, checked, and written atomically."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.counts import count
from tellapart.csv_writer import csv_file
from tellapart.errors import ModelError
from tellapart.kaggle.columns import Columns
from tellapart.kaggle.sample_csv import Sample

ROUNDING = 1e-9


def floor_probabilities(probabilities: FloatArray, lowest: float) -> FloatArray:
    """Raise float (n, k) probabilities to at least ``lowest`` (less than 1 / k): float64 (n, k), rows sum to 1.

    The other probabilities keep their proportions. The least value of :func:`tellapart.calibration.clip_probabilities` is a
    little below its clip, because rows are scaled afterwards.
    """
    values = np.array(probabilities, dtype=np.float64)
    is_low = np.zeros(values.shape, dtype=bool)
    while True:
        rest = np.where(is_low, 0.0, values)
        scaled = rest * ((1.0 - lowest * is_low.sum(axis=1)) / rest.sum(axis=1))[:, None]
        falls = ~is_low & (scaled < lowest)
        if not falls.any():
            return np.where(is_low, lowest, scaled)
        is_low |= falls


def submission_cells(probabilities: FloatArray, columns: Columns) -> list[tuple[str, ...]]:
    """The cells for each row of float (n, k) probabilities: those of the columns in full precision, or the predicted class."""
    if columns.spelling:
        return [(columns.spelling[number],) for number in probabilities.argmax(axis=1)]
    return [tuple(repr(float(p)) for p in row) for row in probabilities[:, list(columns.classes)]]


def check_probabilities(probabilities: FloatArray, num_rows: int, lowest: float) -> None:
    """Check float (n, k) probabilities before they are written.

    Raises:
        ModelError: the number of rows differs from the ids, a value is not finite or nearer to 0 or 1 than ``lowest``, or a row does
            not sum to 1.
    """
    problem = None
    if len(probabilities) != num_rows:
        problem = f"there {'is' if len(probabilities) == 1 else 'are'} {count(len(probabilities), 'row')} for {num_rows:,} ids"
    elif not np.isfinite(probabilities).all():
        problem = (
            f"{int((~np.isfinite(probabilities)).any(axis=1).sum()):,} of"
            f" {count(num_rows, 'row holds', 'rows hold')} something that is no number"
        )
    elif probabilities.min() < lowest - ROUNDING or probabilities.max() > 1.0 - lowest + ROUNDING:
        problem = f"probabilities lie outside {lowest:.3g} to 1 - {lowest:.3g}"
    elif np.abs(probabilities.sum(axis=1) - 1.0).max() > ROUNDING:
        problem = "rows do not add up to 1"
    if problem:
        raise ModelError(f"nothing was written: {problem}", hint="the saved model may be damaged: train again")


def write_submission(sample: Sample, filled: Sequence[tuple[str, ...]], path: Path) -> None:
    """Write the sample with its columns filled: same header, ids and order, UTF-8, line feeds.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with csv_file(path, sample.header, is_exact=True) as writer:
        for name, values in zip(sample.ids, filled, strict=True):
            writer.write((*values[: sample.id_place], name, *values[sample.id_place :]))
