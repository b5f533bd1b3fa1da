"""Split variance: the same linear probe on twenty other splits, and on "the first 50 files of each class"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tellapart import calibration
from tellapart.array_types import BoolArray, FloatArray
from tellapart.concurrency import one_blas_thread, parallel_map
from tellapart.dataset.splits import assign_stratified_parts
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.loss_intervals import loss_columns, mean_interval
from tellapart.evaluation.metrics import accuracy, log_loss
from tellapart.models.logistic import fit_logistic
from tellapart.run_metrics import FirstFiles, OtherSplit, SplitSensitivity, Spread
from tellapart.training.linear_probe import SEARCH_TOLERANCE, LabeledFeatures, Probe, class_weights, limited_rows

FIRST_FILES = 50
SPLIT_LIMIT = 20_000


@one_blas_thread()
def split_sensitivity(
    pool: LabeledFeatures, paths: Sequence[str], probe: Probe, *, splits: int, test_share: float, class_weight: str
) -> SplitSensitivity:
    """The recipe repeated on other splits of all labeled images.

    Strength, feature power, temperature and clip stay as chosen (out of fold, on the first split's training images);
    the heads are fitted again for each split. Standardization, which knows no labels, is done once for all. Of more than 20,000 images
    a sample is split.

    Args:
        pool: every labeled image, of whatever part.
        paths: their paths; the first 50 of each class by name are the split of someone who does not shuffle.
        probe: the recipe's choices.
        splits: number of seeds tried (1..splits).
        test_share: as the first split's.
        class_weight: as the first split's.
    """
    whole = len(paths)
    pool, paths = _subsample(pool, paths)
    first, per_class = _first_files(pool, paths)
    held_out = [
        np.array([part == "test" for part in assign_stratified_parts(pool.labels, pool.groups, seed=seed, test_share=test_share)])
        for seed in range(1, splits + 1)
    ]
    probabilities = _predict(pool, [*held_out, first], probe, class_weight)
    rows = []
    for seed, (is_test, predicted) in enumerate(zip(held_out, probabilities, strict=False), start=1):
        targets = pool.targets[is_test]
        rows.append(OtherSplit(seed, int(is_test.sum()), accuracy(predicted, targets), log_loss(predicted, targets)))
    targets, predicted = pool.targets[first], probabilities[-1]
    right = int((predicted.argmax(axis=1) == targets).sum())
    return SplitSensitivity(
        splits=rows,
        accuracy=_spread([row.accuracy for row in rows]),
        log_loss=_spread([row.log_loss for row in rows]),
        first=FirstFiles(
            per_class=per_class,
            n=len(targets),
            accuracy=wilson(right, len(targets)),
            log_loss=mean_interval(loss_columns(predicted, targets), lowest=0.0),
        ),
        sample=len(paths) if len(paths) < whole else None,
    )


def _predict(pool: LabeledFeatures, held_out: list[BoolArray], probe: Probe, class_weight: str) -> list[FloatArray]:
    """Probabilities of each held-out set from a head fitted on the rest."""
    num_classes = len(pool.class_names)
    weights = np.stack([class_weights(pool.targets, num_classes, class_weight) * ~is_test for is_test in held_out], axis=1)
    logits = [np.zeros((int(is_test.sum()), num_classes)) for is_test in held_out]
    spaces = parallel_map(lambda space: space.covering(pool.features), probe.spaces)
    for choice, space in zip(probe.choices, spaces, strict=True):
        fits = fit_logistic(
            space.x, pool.targets, num_classes, weights, np.full(len(held_out), choice.strength), tolerance=SEARCH_TOLERANCE
        )
        for number, is_test in enumerate(held_out):
            logits[number] += fits.logits(space.x[is_test], number) / len(probe.choices)
    return [calibration.apply(logits_of_split, probe.temperature, probe.clip) for logits_of_split in logits]


def _first_files(pool: LabeledFeatures, paths: Sequence[str]) -> tuple[BoolArray, int]:
    """The first files of each class in the order of their names; at most 50 and a quarter of the smallest class."""
    by_class: dict[int, list[int]] = defaultdict(list)
    for row in sorted(range(len(paths)), key=lambda i: paths[i]):
        by_class[int(pool.targets[row])].append(row)
    per_class = max(1, min(FIRST_FILES, min(len(rows) for rows in by_class.values()) // 4))
    first = np.zeros(len(paths), bool)
    for rows in by_class.values():
        first[rows[:per_class]] = True
    return first, per_class


def _subsample(pool: LabeledFeatures, paths: Sequence[str]) -> tuple[LabeledFeatures, Sequence[str]]:
    """A random sample and the first files of each class, where there are more than ``SPLIT_LIMIT`` images."""
    if len(paths) <= SPLIT_LIMIT:
        return pool, paths
    first, _ = _first_files(pool, paths)
    index = np.union1d(limited_rows(len(paths), SPLIT_LIMIT, seed=0), np.flatnonzero(first))
    return pool.rows(index), [paths[i] for i in index]


def _spread(values: Sequence[float]) -> Spread:
    return Spread(mean=float(np.mean(values)), low=float(np.min(values)), high=float(np.max(values)))
