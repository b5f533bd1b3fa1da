"""The learning curve: does more data help? The recipe on growing shares of the training images, several draws each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tellapart.dataset.splits import assigned_folds
from tellapart.evaluation import calibration
from tellapart.evaluation.learning_curve import fit_power_law
from tellapart.evaluation.metrics import accuracy, log_loss
from tellapart.models.logistic import fit_logistic
from tellapart.training.probe import LabelledFeatures, Probe, class_weights
from tellapart.types import FloatArray, IntArray

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
DRAWS = (6, 6, 4, 4)
SMALLEST = 16
FOLDS = 3
CURVE_LIMIT = 20_000


def learning_curve(train: LabelledFeatures, test: LabelledFeatures, probe: Probe, *, full_accuracy: float, full_log_loss: float, class_weight: str) -> dict[str, Any]:
    """``learning_curve`` of metrics.json: errors on the reported part for shares of the training images.

    For each draw the strength is chosen out of fold between two scalings of the full set's (with 1/sqrt(n) and 1/n),
    and so is the temperature. A draw takes whole groups, of every class in proportion.
    """
    total = len(train.targets)
    chosen = np.arange(total) if total <= CURVE_LIMIT else np.sort(np.random.default_rng(0).choice(total, CURVE_LIMIT, replace=False))
    train = train.rows(chosen)
    placed = [(space.x[chosen], space.placed(test.features)) for space in probe.spaces]
    points = []
    for share, draws in zip(SHARES, DRAWS, strict=True):
        if share * len(train.targets) < max(SMALLEST, 4 * len(train.class_names)):
            continue
        scores, sizes = [], []
        for seed in range(draws):
            rows = _drawn(train, share, seed)
            sizes.append(len(rows))
            found = _fitted([(x[rows], x_test) for x, x_test in placed], train.rows(rows), probe, total / len(rows), class_weight)
            scores.append((accuracy(found, test.targets), log_loss(found, test.targets)))
        points.append({"n_train": round(float(np.mean(sizes))), "accuracy": [s[0] for s in scores], "log_loss": [s[1] for s in scores]})
    points.append({"n_train": total, "accuracy": [full_accuracy], "log_loss": [full_log_loss]})
    law = fit_power_law([p["n_train"] for p in points], [[1 - a for a in p["accuracy"]] for p in points])
    return {
        "points": points,
        "fit": law.as_dict(),
        "twice": {"n_train": 2 * total, "accuracy": law.accuracy_at(2 * total).as_dict(), "gain": law.gain(total, 2 * total).as_dict()},
    }


def _drawn(train: LabelledFeatures, share: float, seed: int) -> IntArray:
    """Rows of a share of the training images, whole groups, stratified; at least one image of every class."""
    parts = round(1 / share)
    folds = assigned_folds(train.labels, train.groups, folds=parts, seed=1000 + seed)
    rows = np.flatnonzero(folds == seed % parts)
    missing = set(range(len(train.class_names))) - set(train.targets[rows].tolist())
    extra = [int(np.flatnonzero(train.targets == target)[seed % int((train.targets == target).sum())]) for target in sorted(missing)]
    return np.sort(np.concatenate([rows, np.array(extra, dtype=np.int64)]))


def _fitted(spaces: Sequence[tuple[FloatArray, FloatArray]], drawn: LabelledFeatures, probe: Probe, fewer: float, class_weight: str) -> FloatArray:
    """Test probabilities of the recipe on one draw; ``fewer`` is how many times the draw is smaller than the whole."""
    num_classes = len(drawn.class_names)
    weights = class_weights(drawn.targets, num_classes, class_weight)
    folds = assigned_folds(drawn.labels, drawn.groups, folds=FOLDS, seed=0)
    masks = np.repeat(np.stack([weights * (folds != fold) for fold in range(FOLDS)] + [weights], axis=1), 2, axis=1)
    out_of_fold, on_test = [], []
    for (x, x_test), choice in zip(spaces, probe.choices, strict=True):
        strengths = choice.strength * np.array([fewer**0.5, fewer])
        fits = fit_logistic(x, drawn.targets, num_classes, masks, np.tile(strengths, FOLDS + 1), tolerance=1e-3)
        logits = np.empty((2, len(drawn.targets), num_classes))
        for fold in range(FOLDS):
            for scaling in range(2):
                logits[scaling, folds == fold] = fits.logits(x[folds == fold], 2 * fold + scaling)
        best = min(range(2), key=lambda scaling: log_loss(calibration.softmax(logits[scaling]), drawn.targets))
        out_of_fold.append(logits[best])
        on_test.append(fits.logits(x_test, 2 * FOLDS + best))
    temperature = calibration.fit_temperature(np.mean(out_of_fold, axis=0), drawn.targets)
    clip = min(max(probe.clip, 0.5 / (len(drawn.targets) + num_classes)), 0.5 / num_classes)
    return calibration.apply(np.mean(on_test, axis=0), temperature, clip)
