"""Evaluate a linear probe on the reported parts: predictions, baselines (majority class, nearest neighbors), and the effect of a leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.dataset.file_rows import FileRow
from tellapart.evaluation import accuracy_interval, compare, evaluate, log_loss_interval
from tellapart.features import FeatureMatrix
from tellapart.features.matrix import unit_rows
from tellapart.large_arrays import concatenate_rows, release, take_rows
from tellapart.models.heads import mean_logits
from tellapart.part_metrics import ReportedPart, Scores, StepScores
from tellapart.predictions import Predictions
from tellapart.run_metrics import LeakEffect
from tellapart.training.linear_probe import LabeledFeatures, Probe, fit_heads


@dataclass(frozen=True, eq=False)
class LabeledSet:
    """Used rows of one part with their features."""

    rows: Sequence[FileRow]
    data: LabeledFeatures

    @classmethod
    def of(cls, rows: Sequence[FileRow], features: FeatureMatrix, class_names: Sequence[str]) -> LabeledSet:
        """The rows with their features and targets."""
        index = {name: i for i, name in enumerate(class_names)}
        targets = np.array([index[row.label or ""] for row in rows], dtype=np.int64)
        values = features.of([row.image_id or "" for row in rows])
        return cls(rows, LabeledFeatures(values, targets, [row.group or "" for row in rows], class_names))

    def taken(self, index: IntArray) -> LabeledSet:
        """The images of rows int (m,)."""
        return LabeledSet([self.rows[i] for i in index.tolist()], self.data.rows(index))

    def predictions(self, probabilities: FloatArray, logits: FloatArray, source: str) -> Predictions:
        """Predictions for these images from logits and calibrated probabilities, float (n, k) each."""
        return Predictions(
            image_ids=tuple(row.image_id or "" for row in self.rows),
            paths=tuple(row.path for row in self.rows),
            labels=tuple(row.label for row in self.rows),
            probabilities=probabilities,
            logits=logits,
            class_names=tuple(self.data.class_names),
            parts=tuple(row.part for row in self.rows),
            groups=tuple(row.group or "" for row in self.rows),
            source=source,
        )


def probe_predictions(probe: Probe, reported: LabeledSet, source: str) -> Predictions:
    """The probe's calibrated predictions for a reported part."""
    logits = mean_logits(probe.heads, reported.data.features)
    return reported.predictions(probe.probabilities(logits), logits, source)


def baseline_predictions(train: LabeledSet, reported: LabeledSet) -> list[Predictions]:
    """Predictions of the baselines: the majority class and, where there are features, the nearest neighbors."""
    num_classes, n = len(train.data.class_names), len(reported.rows)
    baselines = [("majority class", majority_probabilities(train.data.targets, num_classes, n))]
    if train.data.features.shape[1]:
        votes = neighbor_probabilities(reported.data.features, train.data.features, train.data.targets, num_classes)
        is_sampled = len(train.rows) > SEARCHED
        baselines.append((f"5 nearest neighbors{f' of {SEARCHED:,}' if is_sampled else ''}", votes))
    return [reported.predictions(p, np.log(p), name) for name, p in baselines]


def evaluate_part(predictions: Predictions, rungs_below: Sequence[Predictions], uncalibrated: FloatArray | None = None) -> ReportedPart:
    """All metrics of one reported part except those on unknown images, with the baselines on the same images.

    Args:
        predictions: of the part.
        rungs_below: of the baselines, for the same images.
        uncalibrated: probabilities (n, k) before calibration; by default the softmax of the logits.
    """
    return ReportedPart(
        **vars(evaluate(predictions, uncalibrated)),
        familiarity=None,
        prediction_sets=None,
        rungs=ladder_rungs([*rungs_below, predictions]),
    )


def ladder_rungs(steps: Sequence[Predictions]) -> list[StepScores]:
    """Each step with its intervals and its gain over the step before, on the same images."""
    return [
        StepScores(
            name=step.source,
            accuracy=accuracy_interval(step),
            log_loss=log_loss_interval(step),
            gain=compare(steps[number - 1], step).gain if number else None,
        )
        for number, step in enumerate(steps)
    ]


def naive_predictions(probe: Probe, train: LabeledSet, leaked: LabeledSet, reported: LabeledSet, *, class_weight: str) -> Predictions:
    """Predictions for a reported part of a probe that is trained on the leaked images too."""
    both = LabeledFeatures(
        concatenate_rows([train.data.features, leaked.data.features]),
        np.concatenate([train.data.targets, leaked.data.targets]),
        [*train.data.groups, *leaked.data.groups],
        train.data.class_names,
    )
    spaces = [space.covering(both.features) for space in probe.spaces]
    logits = mean_logits(fit_heads(both, probe.choices, spaces, class_weight=class_weight), reported.data.features)
    return reported.predictions(probe.probabilities(logits), logits, "with the leak")


def leak_effect(
    probe: Probe, train: LabeledSet, leaked: LabeledSet, reported: LabeledSet, honest: Predictions, *, class_weight: str
) -> LeakEffect:
    """The score with the leaked images left in training, beside the honest one."""
    naive = naive_predictions(probe, train, leaked, reported, class_weight=class_weight)
    return LeakEffect(
        images=len(leaked.rows),
        groups=len(set(leaked.data.groups)),
        part=reported.rows[0].part or "",
        naive=Scores(accuracy_interval(naive), log_loss_interval(naive)),
        honest=Scores(accuracy_interval(honest), log_loss_interval(honest)),
    )


NEIGHBORS, SEARCHED = 5, 20_000
BLOCK = 1024
BLOCK_COSINES = 2**22
"""Cosine similarities computed at a time; 64 MB with sorting."""


def majority_probabilities(train_targets: IntArray, num_classes: int, n: int) -> FloatArray:
    """Class frequencies of the training images, for each of ``n`` images: float64 (n, k), with add-one smoothing.

    Args:
        train_targets: class indices of the training images, int64 (m,).
        num_classes: k.
        n: number of images to predict.
    """
    counts = np.bincount(train_targets, minlength=num_classes) + 1.0
    return np.tile(counts / counts.sum(), (n, 1))


def neighbor_probabilities(features: FloatArray, train_features: FloatArray, train_targets: IntArray, num_classes: int) -> FloatArray:
    """k-nearest neighbors: votes of the 5 nearest training images by cosine, plus half a vote per class, float64 (n, k).

    Args:
        features: float32 (n, d).
        train_features: float32 (m, d).
        train_targets: class indices of the training images, int64 (m,).
        num_classes: k.
    """
    index, _ = nearest(features, train_features, min(NEIGHBORS, len(train_targets)))
    votes = np.stack([(train_targets[index] == k).sum(axis=1) for k in range(num_classes)], axis=1) + 0.5
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))


def searched_rows(n: int) -> IntArray:
    """The rows of n training images among which neighbors are searched, int64 (m,): all, or a sorted random sample of ``SEARCHED``."""
    return np.arange(n) if n <= SEARCHED else np.sort(np.random.default_rng(0).choice(n, SEARCHED, replace=False))


def nearest(features: FloatArray, train_features: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """Rows of the nearest training images by cosine, nearest first, int64 (n, count), and their cosines, float32 (n, count).

    Above ``SEARCHED`` training images a random sample of that size is searched, because all pairs take time that grows with the
    square of the number of images.

    Args:
        features: float32 (n, d).
        train_features: float32 (m, d).
        count: number of neighbors.
    """
    searched = searched_rows(len(train_features))
    train_units = unit_rows(take_rows(train_features, searched))
    rows, cosines = [], []
    block = max(1, min(BLOCK, BLOCK_COSINES // max(1, len(searched))))
    for start in range(0, len(features), block):
        similarity = unit_rows(features[start : start + block]) @ train_units.T
        top = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(similarity, top, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        rows.append(searched[np.take_along_axis(top, order, axis=1)])
        cosines.append(np.take_along_axis(values, order, axis=1))
        release(features)
    if not rows:
        return np.empty((0, count), np.int64), np.empty((0, count), np.float32)
    return np.concatenate(rows), np.concatenate(cosines)
