"""Label errors: the probability that a label is right, from out-of-sample logits.

A confident prediction of another class is evidence against a label; how strong depends on the rate of label noise and on the
calibration of the model. Both are estimated: the true class is drawn from softmax(logits / T), and with probability ``noise``
the label is any other class. Every T and noise of a grid is weighted by its posterior probability given the labels, and the
score of an image is the posterior probability that its label is right. Below one half the label is more likely wrong than
right, which is the threshold.

Compared with the per-class thresholds of confident learning (Northcutt, Jiang & Chuang 2021, J. Artificial Intelligence
Research 70) on the same logits, this flags far fewer right labels where classes are hard to distinguish and finds more errors
where they are easy; the ranking is as good (docs/log.md, "Check"). The single most likely T and noise is not enough: with few
hard images it can attribute all noise to an uncertain model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.calibration import softmax

TEMPERATURES = np.geomspace(0.05, 2.0, 24)
NOISES = np.geomspace(0.001, 0.4, 40)
SOUND_BEFOREHAND = 10.0
"""Strength of the prior in correctly labeled pseudo-images, so that few images do not give a high noise estimate."""
_NEGLIGIBLE = 1e-6


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Estimated label errors of n images in k classes.

    Attributes:
        right: float64 (n,), the posterior probability that the label is right; low = worse.
        suggested: int64 (n,), the most likely class other than the label.
        probabilities: float64 (n, k), of the true class, from the image alone.
        noise: the expected share of wrong labels.
    """

    right: FloatArray
    suggested: IntArray
    probabilities: FloatArray
    noise: float


def find_label_errors(logits: FloatArray, targets: IntArray) -> LabelErrors:
    """Estimate which of n labels are wrong.

    Args:
        logits: float (n, k), out of sample (from models that were not trained on the image), k at least 2.
        targets: int (n,), the given labels.
    """
    n, k = logits.shape
    own = [softmax(logits, float(temperature))[np.arange(n), targets] for temperature in TEMPERATURES]
    weights = _weights(own, k)
    right, probabilities = np.zeros(n), np.zeros((n, k))
    for at, temperature in enumerate(TEMPERATURES):
        if weights[at].sum() < _NEGLIGIBLE:
            continue
        probabilities += weights[at].sum() * softmax(logits, float(temperature))
        for noise, weight in zip(NOISES, weights[at], strict=True):
            good, bad = _shares(own[at], float(noise), k)
            right += weight * good / np.maximum(good + bad, 1e-300)
    others = probabilities.copy()
    others[np.arange(n), targets] = -1.0
    return LabelErrors(np.clip(right, 0, 1), others.argmax(axis=1), probabilities, float(weights.sum(axis=0) @ NOISES))


def _weights(own: list[FloatArray], num_classes: int) -> FloatArray:
    """Posterior weights of each temperature and noise, float64 (temperatures, noises), sum 1."""
    logs = np.empty((len(TEMPERATURES), len(NOISES)))
    for at, chances in enumerate(own):
        for index, noise in enumerate(NOISES):
            good, bad = _shares(chances, float(noise), num_classes)
            logs[at, index] = np.log(np.maximum(good + bad, 1e-300)).sum() + np.log(noise) + SOUND_BEFOREHAND * np.log(1 - noise)
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _shares(own: FloatArray, noise: float, num_classes: int) -> tuple[FloatArray, FloatArray]:
    """The probability of the given label as a right and as a wrong one, for model probabilities ``own`` (n,)."""
    return own * (1 - noise), (1 - own) * noise / (num_classes - 1)
