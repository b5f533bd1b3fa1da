"""Linear probe: regularized linear heads on frozen features, with all hyperparameters chosen by grouped cross-validation.

One head is fitted to the features, one to their signed square roots; on the data sets of docs/log.md (2026-11-21) their
mean was never worse than the better of the two.

Images that select do not report: strength, feature power, temperature and clip come from grouped out-of-fold
predictions within the training images; the reported parts are never used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import one_blas_thread, parallel_map
from tellapart.dataset.splits import assign_folds
from tellapart.evaluation.metrics import log_loss
from tellapart.large_arrays import take_rows
from tellapart.models.heads import HeadSpace, LinearHead
from tellapart.models.logistic import fit_logistic
from tellapart.run_metrics import BeforeAfter, HeadChoice, Selection, StrengthLoss

STRENGTHS = tuple(10.0 ** (-step / 2) for step in range(7))
WEAKER_STRENGTHS = tuple(10.0 ** (-step / 2) for step in range(7, 10))
POWERS = (1.0, 0.5)
MAX_FOLDS = 5
SELECTION_LIMIT = 20_000
FINAL_TOLERANCE = 1e-4
SEARCH_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted linear probe: heads on differently powered features, whose logits are averaged.

    Attributes:
        heads: from features to logits.
        choices: hyperparameters of each head.
        spaces: of the training features, one per head.
        temperature, clip: see :mod:`tellapart.calibration`.
        selection: results of the model selection.
        out_of_fold: rows of the training images used for the selection, int64 (m,), and their out-of-fold logits,
            float64 (m, k).
    """

    heads: tuple[LinearHead, ...]
    choices: tuple[HeadChoice, ...]
    spaces: tuple[HeadSpace, ...]
    temperature: float
    clip: float
    selection: Selection
    out_of_fold: tuple[IntArray, FloatArray]

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Calibrated probabilities float64 (n, k) of logits (n, k)."""
        return calibration.apply(logits, self.temperature, self.clip)


@dataclass(frozen=True, eq=False)
class LabeledFeatures:
    """Labeled images: features float32 (n, d), targets int64 (n,), and n groups."""

    features: FloatArray
    targets: IntArray
    groups: Sequence[str]
    class_names: Sequence[str]

    @property
    def labels(self) -> list[str]:
        """The class name of each image."""
        return [self.class_names[target] for target in self.targets]

    def rows(self, index: IntArray) -> LabeledFeatures:
        """The images of rows ``index``, int64 (m,)."""
        return LabeledFeatures(take_rows(self.features, index), self.targets[index], [self.groups[i] for i in index], self.class_names)


@one_blas_thread()
def fit_probe(train: LabeledFeatures, *, class_weight: str = "none", seed: int = 0) -> Probe:
    """Select the hyperparameters of a linear probe by cross-validation and fit it, on training images only.

    With more than ``SELECTION_LIMIT`` images the selection uses a random subset of that size; the heads are fitted on all.

    Args:
        train: the training images; every class has at least one.
        class_weight: ``none``, or ``balanced`` to give every class the same total weight.
        seed: random seed of the folds.
    """
    chosen_on = limited_rows(len(train.targets), SELECTION_LIMIT, seed)
    search = train.rows(chosen_on)
    folds = assign_folds(search.labels, search.groups, folds=MAX_FOLDS, seed=seed)
    weights = class_weights(search.targets, len(train.class_names), class_weight)
    rows, choices, chosen_logits = [], [], []
    spaces = tuple(parallel_map(lambda power: HeadSpace.of(train.features, power=power), POWERS))
    for power, space in zip(POWERS, spaces, strict=True):
        losses, logits = _cross_validate(take_rows(space.x, chosen_on), search, folds, weights)
        rows += [StrengthLoss(power, strength, loss) for strength, loss in losses]
        choices.append(HeadChoice(power, min(losses, key=lambda pair: pair[1])[0]))
        chosen_logits.append(logits)
    mean_logits = np.mean(chosen_logits, axis=0)
    temperature = calibration.fit_temperature(mean_logits, search.targets)
    clip = calibration.fit_clip(calibration.softmax(mean_logits, temperature), search.targets)
    before = log_loss(calibration.softmax(mean_logits), search.targets)
    after = log_loss(calibration.apply(mean_logits, temperature, clip), search.targets)
    selection = Selection(
        folds=len(np.unique(folds)),
        n=len(search.targets),
        strengths=rows,
        chosen=choices,
        temperature=temperature,
        clip=clip,
        log_loss=BeforeAfter(before, after),
    )
    heads = fit_heads(train, choices, spaces, class_weight=class_weight)
    return Probe(heads, tuple(choices), spaces, temperature, clip, selection, (chosen_on, mean_logits))


@one_blas_thread()
def fit_heads(
    train: LabeledFeatures, choices: Sequence[HeadChoice], spaces: Sequence[HeadSpace], *, class_weight: str = "none"
) -> tuple[LinearHead, ...]:
    """Fit heads with the given hyperparameters on all of ``train``, in spaces of its features."""
    weights = class_weights(train.targets, len(train.class_names), class_weight)[:, None]

    def head(chosen: tuple[HeadChoice, HeadSpace]) -> LinearHead:
        choice, space = chosen
        fits = fit_logistic(space.x, train.targets, len(train.class_names), weights, np.array([choice.strength]), tolerance=FINAL_TOLERANCE)
        return space.head(fits.weight[0], fits.bias[0])

    return tuple(parallel_map(head, zip(choices, spaces, strict=True)))


def _cross_validate(
    x: FloatArray, search: LabeledFeatures, folds: IntArray, weights: FloatArray
) -> tuple[list[tuple[float, float]], FloatArray]:
    """Each strength with its out-of-fold log loss, and the best one's logits (n, k); weaker ones only if the weakest was best."""
    tried: list[tuple[float, float]] = []
    out_of_fold: list[FloatArray] = []
    for strengths in (STRENGTHS, WEAKER_STRENGTHS):
        logits = _out_of_fold(x, search, folds, weights, strengths)
        out_of_fold += list(logits)
        tried += [(strength, log_loss(calibration.softmax(each), search.targets)) for strength, each in zip(strengths, logits, strict=True)]
        best = min(range(len(tried)), key=lambda number: tried[number][1])
        if best < len(tried) - 1:
            break
    return tried, out_of_fold[best]


def _out_of_fold(x: FloatArray, search: LabeledFeatures, folds: IntArray, weights: FloatArray, strengths: Sequence[float]) -> FloatArray:
    """Out-of-fold logits, float64 (strengths, n, k)."""
    present = np.unique(folds)
    masks = np.stack([weights * (folds != fold) for fold in present], axis=1)
    num_classes = len(search.class_names)
    sample_weights = np.tile(masks, (1, len(strengths)))
    fits = fit_logistic(
        x, search.targets, num_classes, sample_weights, np.repeat(np.array(strengths), len(present)), tolerance=SEARCH_TOLERANCE
    )
    logits = np.empty((len(strengths), len(search.targets), num_classes))
    for index, fold in enumerate(present):
        is_held_out = folds == fold
        for number in range(len(strengths)):
            logits[number, is_held_out] = fits.logits(x[is_held_out], number * len(present) + index)
    return logits


def class_weights(targets: IntArray, num_classes: int, class_weight: str) -> FloatArray:
    """Sample weights float64 (n,) for targets int64 (n,): 1, or with ``balanced`` such that every class has the same total."""
    if class_weight == "none":
        return np.ones(len(targets))
    counts = np.bincount(targets, minlength=num_classes)
    return np.asarray(len(targets) / (num_classes * np.maximum(counts, 1))[targets])


def limited_rows(n: int, limit: int, seed: int) -> IntArray:
    """Rows 0 to n - 1, int64 (n,); a sorted random sample of ``limit`` of them where there are more."""
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))
