"""The ladder: recipes from the simplest to the most expensive, each compared with the one before on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.evaluation import compare
from tellapart.part_metrics import ChangedImages, StepScores
from tellapart.predictions import Predictions
from tellapart.training.part_evaluation import ladder_rungs

SMALLEST = 1e-7
"""Probabilities are kept so far from 0 where nothing else was chosen, as Kaggle does."""
SHOWN = 24


@dataclass(frozen=True, eq=False)
class LadderStep:
    """One step of the ladder.

    Attributes:
        predictions: for the reported images.
        seconds: what it took beyond the steps before.
        images_per_s: of its training, repeats counted; None where nothing was trained.
    """

    predictions: Predictions
    seconds: float
    images_per_s: float | None = None


def without_calibration(predictions: Predictions, name: str) -> Predictions:
    """The same answers as the network gave them: no temperature, and no clip but ``SMALLEST``."""
    return replace(predictions, probabilities=calibration.apply(predictions.logits, 1.0, SMALLEST), source=name)


def step_rows(ladder_steps: Sequence[LadderStep], part: str) -> list[StepScores]:
    """The steps on one reported part: intervals, paired gains, cost, and the images each fixed and broke."""
    predictions = [step.predictions.part(part) for step in ladder_steps]
    rows = ladder_rungs(predictions)
    for number, (row, step) in enumerate(zip(rows, ladder_steps, strict=True)):
        rows[number] = replace(row, seconds=step.seconds, images_per_s=step.images_per_s)
        if number:
            before = predictions[number - 1]
            compared = compare(before, predictions[number], draws=1)
            fixed, broke = (_changed(before, rows_changed) for rows_changed in (compared.wrong_to_right, compared.right_to_wrong))
            rows[number] = replace(rows[number], fixed=fixed, broke=broke)
    return rows


def _changed(predictions: Predictions, rows: IntArray) -> ChangedImages:
    return ChangedImages(len(rows), [predictions.paths[i] for i in rows[:SHOWN].tolist()])


def best_out_of_fold(candidates: Mapping[str, Predictions]) -> str:
    """The name of the best candidate by out-of-fold log loss, on the images that all have in common.

    Candidates come from the simplest on; a later one has to be better by a standard error of the paired difference.
    """
    common = sorted(set.intersection(*(set(predictions.image_ids) for predictions in candidates.values())))
    losses = {name: _losses(predictions, common) for name, predictions in candidates.items()}
    best, *later = candidates
    for name in later:
        gain = losses[best] - losses[name]
        if len(gain) and gain.mean() > gain.std() / np.sqrt(len(gain)):
            best = name
    return best


def _losses(predictions: Predictions, image_ids: Sequence[str]) -> FloatArray:
    """The log loss of each of these images."""
    row_of = {image_id: row for row, image_id in enumerate(predictions.image_ids)}
    rows = np.array([row_of[image_id] for image_id in image_ids], dtype=np.int64)
    return np.asarray(-np.log(np.maximum(predictions.probabilities[rows, predictions.targets[rows]], SMALLEST)))
