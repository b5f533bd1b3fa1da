"""Losses (training objectives): cross-entropy for classification, and the protocol that others follow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import prefetch
from tellapart.evaluation.metrics import accuracy
from tellapart.training.activation_cache import ActivationFeed
from tellapart.training.config import TrainingConfig
from tellapart.training.data_loader import DataLoader
from tellapart.training.learner import Learner

JUDGED_BATCH = 64
SMALLEST = 1e-12


class Objective(Protocol):
    """Loss and metrics of a network's outputs.

    Attributes:
        has_accuracy: whether an output can be right or wrong.
    """

    @property
    def has_accuracy(self) -> bool:
        """See above."""

    def loss(self, answers: torch.Tensor, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean loss of the outputs for images ``x`` float32 (n, 3, s, s) with targets int64 (n,)."""

    def weight(self, targets: torch.Tensor) -> float:
        """Total weight of images with targets int64 (n,): the mean over a batch is the mean over its parts with these weights."""

    def right(self, answers: torch.Tensor, targets: torch.Tensor) -> float:
        """Number of right outputs (n, ...) for targets int64 (n,); 0 where outputs cannot be right."""

    def judged(self, network: Learner, feed: DataLoader | ActivationFeed, rows: IntArray, threads: int) -> tuple[FloatArray, float]:
        """Loss of each row, float64 (n,), and the accuracy; NaN where an output is not finite."""


@dataclass(frozen=True, eq=False)
class Classification:
    """Cross-entropy with label smoothing; on held-out images, the log loss at the best temperature.

    The final model is temperature-scaled too; without it, underconfident epochs would be preferred.

    Attributes:
        class_weights: float32 (k,), or None.
        label_smoothing: label smoothing factor.
    """

    class_weights: torch.Tensor | None = None
    label_smoothing: float = 0.0
    has_accuracy: bool = True

    @classmethod
    def of(cls, plan: TrainingConfig, feed: DataLoader | ActivationFeed, train: IntArray, num_classes: int) -> Classification:
        """The objective of a config; class weights are inverse frequencies in the rows ``train``, int64 (n,)."""
        if plan.balance != "weights":
            return cls(None, plan.label_smoothing)
        counts = np.bincount(feed.targets[train], minlength=num_classes)
        weights = len(train) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return cls(torch.tensor(weights, dtype=torch.float32, device=feed.device), plan.label_smoothing)

    def loss(self, answers: torch.Tensor, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of logits (n, k)."""
        return functional.cross_entropy(answers, targets, weight=self.class_weights, label_smoothing=self.label_smoothing)

    def weight(self, targets: torch.Tensor) -> float:
        """Sum of the class weights of targets int64 (n,), by which cross-entropy divides; without class weights the number of images."""
        return float(len(targets)) if self.class_weights is None else float(self.class_weights[targets].sum())

    def right(self, answers: torch.Tensor, targets: torch.Tensor) -> float:
        """Number of images whose largest logit, of (n, k), is that of their class."""
        return float((answers.argmax(1) == targets).sum())

    def judged(self, network: Learner, feed: DataLoader | ActivationFeed, rows: IntArray, threads: int) -> tuple[FloatArray, float]:
        """Log loss of each row at the best temperature, float64 (n,), and the accuracy."""
        logits = logits_of(network, feed, rows, threads)
        targets = feed.targets[rows]
        if not np.isfinite(logits).all():
            return np.full(len(targets), np.nan), math.nan
        probabilities = calibration.softmax(logits, calibration.fit_temperature(logits, targets))
        truth = probabilities[np.arange(len(targets)), targets]
        return -np.log(np.maximum(truth, SMALLEST)), accuracy(probabilities, targets)


def logits_of(network: Learner, feed: DataLoader | ActivationFeed, rows: IntArray, threads: int = 1) -> FloatArray:
    """Logits float32 (n, k) of the images of ``rows`` int64 (n,), without augmentation."""

    def logits(x: torch.Tensor) -> FloatArray:
        with torch.inference_mode():
            return np.asarray(network(x).float().cpu().numpy())

    network.eval()
    outputs = np.empty((len(rows), network.head.out_features), np.float32)  # small arrays kept between large ones would tear the heap
    done = 0
    for part in prefetch(logits, feed.plain(rows, JUDGED_BATCH), threads if threads > 1 else 0):
        outputs[done : done + len(part)] = part
        done += len(part)
    return outputs
