"""Out-of-fold logits of all labeled images, used to find label errors.

There are two rounds of cross-validation. In the first all labels have the same weight; in the second, labels with a
predicted probability below one half in the first weigh less, so that wrong labels matter less. The regularization
strength is chosen out of fold on a sample. Every image is held out once, whatever its part: nothing here trains a model
or reports its accuracy.
"""

from __future__ import annotations

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray
from tellapart.concurrency import one_blas_thread, parallel_map
from tellapart.dataset.splits import assign_folds
from tellapart.large_arrays import empty_rows, release, row_blocks, take_rows
from tellapart.models.heads import HeadSpace
from tellapart.models.logistic import fit_logistic
from tellapart.training.linear_probe import MAX_FOLDS, POWERS, LabeledFeatures, limited_rows

STRENGTHS = tuple(10.0 ** (step / 2) for step in range(2, -5, -1))
"""Stronger regularization than that of a linear probe, because of wrong labels."""
SEARCHED = 1_500
MOST_DIRECTIONS = 512
TOLERANCE = 1e-3
DOUBTED = 0.5
LEAST_WEIGHT = 1e-3


@one_blas_thread()
def held_out_logits(data: LabeledFeatures, *, seed: int = 0) -> FloatArray:
    """Out-of-fold logits float64 (n, k), by heads that were fitted without the image and its group.

    Args:
        data: the images; every class has images, two classes at least.
        seed: random seed of the folds, which differ between the rounds.
    """
    spaces = tuple(parallel_map(lambda power: _space(data.features, power), POWERS))
    everyone = np.ones(len(data.targets))
    strength = _choose_strength(spaces[-1], data, everyone, STRENGTHS, seed)
    first = _held_out(spaces, data, everyone, (strength,), seed)[0]
    own = calibration.softmax(first, calibration.fit_temperature(first, data.targets))[np.arange(len(first)), data.targets]
    weights = np.maximum(np.minimum(1.0, own / DOUBTED), LEAST_WEIGHT)
    index = STRENGTHS.index(strength)
    strength = _choose_strength(spaces[-1], data, weights, STRENGTHS[max(0, index - 1) : index + 2], seed + 1)
    return np.asarray(_held_out(spaces, data, weights, (strength,), seed + 1)[0])


def _space(features: FloatArray, power: float) -> FloatArray:
    """The images on their largest principal components, float32 (n, r)."""
    x = HeadSpace.of(features, power=power).x
    largest = empty_rows((len(x), min(MOST_DIRECTIONS, x.shape[1])))
    for block in row_blocks(x):
        largest[block] = x[block, :MOST_DIRECTIONS]
        release(largest)
    return largest


def _choose_strength(space: FloatArray, data: LabeledFeatures, weights: FloatArray, strengths: tuple[float, ...], seed: int) -> float:
    """The strength with the least weighted log loss, each at its best temperature, on a sample."""
    rows = limited_rows(len(data.targets), SEARCHED, seed)
    sample, shares = data.rows(rows), weights[rows]
    losses = []
    for logits in _held_out((space[rows],), sample, shares, strengths, seed):
        log_p = calibration.log_softmax(logits, calibration.fit_temperature(logits, sample.targets, shares))
        losses.append(-float(shares @ log_p[np.arange(len(rows)), sample.targets]))
    return strengths[int(np.argmin(losses))]


def _held_out(
    spaces: tuple[FloatArray, ...], data: LabeledFeatures, weights: FloatArray, strengths: tuple[float, ...], seed: int
) -> FloatArray:
    """Logits (strengths, n, k), averaged over the spaces."""
    folds = assign_folds(data.labels, data.groups, folds=MAX_FOLDS, seed=seed)
    present, k = np.unique(folds), len(data.class_names)
    masks = np.stack([weights * (folds != fold) for fold in present], axis=1)
    sample_weights, each = np.tile(masks, (1, len(strengths))), np.repeat(np.array(strengths), len(present))
    logits = np.zeros((len(strengths), len(data.targets), k))
    for x in spaces:
        fits = fit_logistic(x, data.targets, k, sample_weights, each, tolerance=TOLERANCE)
        for index, fold in enumerate(present):
            held = np.flatnonzero(folds == fold)
            own = take_rows(x, held)
            for number in range(len(strengths)):
                logits[number, held] += fits.logits(own, number * len(present) + index) / len(spaces)
    return logits
