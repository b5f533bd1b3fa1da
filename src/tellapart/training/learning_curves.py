"""Learning curves: does more data help? Recipes are fitted to growing subsets of the training images, whole groups, several draws each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import one_blas_thread, parallel_map
from tellapart.counts import count
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.parts import Assignment
from tellapart.dataset.splits import assign_folds, ordered_groups
from tellapart.errors import DataError
from tellapart.evaluation.metrics import accuracy, log_loss
from tellapart.evaluation.power_law import fit_power_law
from tellapart.large_arrays import take_rows
from tellapart.models.logistic import fit_logistic
from tellapart.run_metrics import CurvePoint, DoubledTraining, EvaluationMetrics, LearningCurve
from tellapart.training.linear_probe import SEARCH_TOLERANCE, LabeledFeatures, Probe, class_weights, limited_rows

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
DRAWS = (6, 6, 4, 4)
SMALLEST = 16
FOLDS = 3
CURVE_LIMIT = 20_000


@one_blas_thread()
def learning_curve(
    train: LabeledFeatures, test: LabeledFeatures, probe: Probe, *, full_accuracy: float, full_log_loss: float, class_weight: str
) -> LearningCurve:
    """Errors on the reported part for shares of the training images.

    For each size the strengths are chosen out of fold, on its first draw, between two scalings of the full set's
    (with 1/sqrt(n) and 1/n), and so is the temperature. A draw takes whole groups, of every class in proportion.
    """
    total = len(train.targets)
    chosen = limited_rows(total, CURVE_LIMIT, seed=0)
    train = train.rows(chosen)
    placed = [(take_rows(space.x, chosen), space.placed(test.features)) for space in probe.spaces]
    points: list[CurvePoint] = []
    for share, draws in zip(SHARES, DRAWS, strict=True):
        if share * len(train.targets) < max(SMALLEST, 4 * len(train.class_names)):
            continue
        drawn = [_draw(train, share, seed) for seed in range(draws)]
        recipe = _choose_recipe([x[drawn[0]] for x, _ in placed], train.rows(drawn[0]), probe, class_weight)
        predicted = _predict(placed, train, drawn, recipe, class_weight)
        points.append(
            CurvePoint(
                n_train=round(float(np.mean([len(rows) for rows in drawn]))),
                accuracy=tuple(accuracy(probabilities, test.targets) for probabilities in predicted),
                log_loss=tuple(log_loss(probabilities, test.targets) for probabilities in predicted),
            )
        )
    return fitted_curve([*points, CurvePoint(total, (full_accuracy,), (full_log_loss,))])


def fitted_curve(points: Sequence[CurvePoint]) -> LearningCurve:
    """The points, the last with all training images, with the power law of their errors and what twice the images would reach."""
    total = points[-1].n_train
    law = fit_power_law([point.n_train for point in points], [[1 - each for each in point.accuracy] for point in points])
    twice = DoubledTraining(2 * total, law.accuracy_at(2 * total), law.gain(total, 2 * total))
    return LearningCurve(tuple(points), law.as_dict(), twice)


def _draw(train: LabeledFeatures, share: float, seed: int) -> IntArray:
    """Rows of a share of the training images, whole groups, stratified; at least one image of every class."""
    parts = round(1 / share)
    folds = assign_folds(train.labels, train.groups, folds=parts, seed=1000 + seed)
    rows = np.flatnonzero(folds == seed % parts)
    missing = set(range(len(train.class_names))) - set(train.targets[rows].tolist())
    extra = [int(np.flatnonzero(train.targets == target)[seed % int((train.targets == target).sum())]) for target in sorted(missing)]
    return np.sort(np.concatenate([rows, np.array(extra, dtype=np.int64)]))


@dataclass(frozen=True)
class _Recipe:
    """Strength of each head, temperature and clip for one size."""

    strengths: tuple[float, ...]
    temperature: float
    clip: float


def _choose_recipe(spaces: Sequence[FloatArray], drawn: LabeledFeatures, probe: Probe, class_weight: str) -> _Recipe:
    """The recipe for one size, chosen out of fold on its first draw."""
    num_classes, n = len(drawn.class_names), len(drawn.targets)
    fewer = len(probe.spaces[0].x) / n
    folds = assign_folds(drawn.labels, drawn.groups, folds=FOLDS, seed=0)
    weights = class_weights(drawn.targets, num_classes, class_weight)
    masks = np.repeat(np.stack([weights * (folds != fold) for fold in range(FOLDS)], axis=1), 2, axis=1)
    strengths, out_of_fold = [], []
    for x, choice in zip(spaces, probe.choices, strict=True):
        scaled = choice.strength * np.array([fewer**0.5, fewer])
        fits = fit_logistic(x, drawn.targets, num_classes, masks, np.tile(scaled, FOLDS), tolerance=SEARCH_TOLERANCE)
        logits = np.empty((2, n, num_classes))
        for fold in range(FOLDS):
            for scaling in range(2):
                logits[scaling, folds == fold] = fits.logits(x[folds == fold], 2 * fold + scaling)
        best = min(range(2), key=lambda scaling: log_loss(calibration.softmax(logits[scaling]), drawn.targets))
        strengths.append(float(scaled[best]))
        out_of_fold.append(logits[best])
    temperature = calibration.fit_temperature(np.mean(out_of_fold, axis=0), drawn.targets)
    clip = min(max(probe.clip, 0.5 / (n + num_classes)), 0.5 / num_classes)
    return _Recipe(tuple(strengths), temperature, clip)


def _predict(
    placed: Sequence[tuple[FloatArray, FloatArray]], train: LabeledFeatures, drawn: Sequence[IntArray], recipe: _Recipe, class_weight: str
) -> list[FloatArray]:
    """Test probabilities of the recipe on each draw."""

    def score(rows: IntArray) -> FloatArray:
        return _fitted([(x[rows], x_test) for x, x_test in placed], train.rows(rows), recipe, class_weight)

    return parallel_map(score, drawn)


def _fitted(spaces: Sequence[tuple[FloatArray, FloatArray]], drawn: LabeledFeatures, recipe: _Recipe, class_weight: str) -> FloatArray:
    """Test probabilities (m, k) of the recipe on one draw."""
    num_classes = len(drawn.class_names)
    weights = class_weights(drawn.targets, num_classes, class_weight)[:, None]
    on_test = []
    for (x, x_test), strength in zip(spaces, recipe.strengths, strict=True):
        fits = fit_logistic(x, drawn.targets, num_classes, weights, np.array([strength]), tolerance=SEARCH_TOLERANCE)
        on_test.append(fits.logits(x_test, 0))
    return calibration.apply(np.mean(on_test, axis=0), recipe.temperature, recipe.clip)


FEWEST = 4
"""Training photos of a class below which a recipe has nothing to hold out."""


def sizes_of(assignment: Assignment, sizes: Sequence[int] | Sequence[float]) -> list[int]:
    """The numbers of training photos to try, rising: those given (all there are where more are asked for), or shares of all.

    Raises:
        DataError: so few that nothing can be learned from them.
    """
    counts = Counter(row.label for row in assignment.rows if row.is_used and row.part == "train")
    total, least = sum(counts.values()), FEWEST * len(counts)
    if isinstance(sizes[0], float):
        numbers = sorted({round(share * total) for share in sizes if share * total >= least} | {total})
    else:
        numbers = sorted({min(int(size), total) for size in sizes})
    if numbers[0] < least:
        raise DataError(
            f"{count(numbers[0], 'photo')} of {count(len(counts), 'class is', 'classes are')} too few to train on",
            hint=f"--sizes from {least} on",
        )
    return numbers


def subset(assignment: Assignment, size: int, draws: int) -> Iterator[Assignment]:
    """Assignments with about ``size`` training photos; one draw where that is all of them."""
    train = [i for i, row in enumerate(assignment.rows) if row.is_used and row.part == "train"]
    for seed in range(1 if size >= len(train) else draws):
        drawn_rows = drawn(assignment.rows, train, size, seed) if size < len(train) else set(train)
        rows = [
            row.left_out("not drawn for this size") if row.is_used and row.part == "train" and i not in drawn_rows else row
            for i, row in enumerate(assignment.rows)
        ]
        yield replace(assignment, rows=rows, leaked=[])


def drawn(rows: Sequence[FileRow], train: Sequence[int], size: int, seed: int) -> set[int]:
    """Indices of about ``size`` training rows: whole groups, each class by its share but never fewer than ``FEWEST``."""
    members = defaultdict(list)
    for i in train:
        members[rows[i].group or ""].append(i)
    labels = [rows[i].label or "" for i in train]
    counts = Counter(labels)
    chosen: set[int] = set()
    for label, groups in ordered_groups(labels, [rows[i].group or "" for i in train], seed=1000 + seed).items():
        quota = max(FEWEST, round(size * counts[label] / len(train)))
        taken = 0
        for group in groups:
            if taken >= quota:
                break
            chosen.update(members[group])
            taken += len(members[group])
    return chosen


def curve_point(draws: Sequence[EvaluationMetrics]) -> CurvePoint:
    """One point of the curve from the evaluations of each draw of one size, by the part reported first."""
    part = next(iter(draws[0].parts))
    scores = [metrics.parts[part] for metrics in draws]
    return CurvePoint(
        n_train=round(sum(_trained(metrics) for metrics in draws) / len(draws)),
        accuracy=tuple(each.accuracy.value for each in scores),
        log_loss=tuple(each.log_loss.value for each in scores),
    )


def _trained(metrics: EvaluationMetrics) -> int:
    return sum(each.train for each in metrics.data.classes) if metrics.data else 0
