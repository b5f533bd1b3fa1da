"""Mislabelled pictures: whether a label is right, from what models say that did not learn from the picture.

A confident model that names another class is evidence, and how much depends on how often labels are wrong at all. So
the noise is estimated with everything else: a true class drawn from softmax(logits / T), and a label that with
probability ``noise`` is any other class. T and the noise are those under which the labels given are likeliest
(expectation and maximisation over the noise, a grid over T), and the score of an image is the probability, given its
label, that the label is right. Below one half it more probably is wrong than right, which is the cut.

Against the per-class thresholds of confident learning (Northcutt, Jiang & Chuang 2021, J. Artificial Intelligence
Research 70) on the same logits this cut names half as many wrongly where classes are hard to tell apart, and its order
is as good (docs/log.md, "Check").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.calibration import softmax
from tellapart.types import FloatArray, IntArray

TEMPERATURES = np.geomspace(0.05, 2.0, 20)
PRIOR_IMAGES, PRIOR_NOISE = 50.0, 0.01
"""Before any image is seen, the noise is believed to be one in a hundred, as firmly as fifty images would show it."""
MOST_NOISE = 0.6
_STEPS = 30


@dataclass(frozen=True, eq=False)
class LabelDoubts:
    """What is to be thought of n labels.

    Attributes:
        right: (n,), the probability that the label given is right, in view of the label; low = worse.
        suggested: (n,), the likeliest class other than the label.
        probabilities: (n, k), of the true class from the picture alone.
        noise: the estimated share of wrong labels.
    """

    right: FloatArray
    suggested: IntArray
    probabilities: FloatArray
    noise: float


def label_doubts(logits: FloatArray, targets: IntArray) -> LabelDoubts:
    """Doubts about the labels of n images.

    Args:
        logits: (n, k) from models that did not learn from the image, k at least 2.
        targets: the labels given, int (n,).
    """
    n, k = logits.shape
    fits = [_fitted(softmax(logits, float(temperature)), targets) for temperature in TEMPERATURES]
    best = max(range(len(fits)), key=lambda number: fits[number][0])
    _, noise, right = fits[best]
    probabilities = softmax(logits, float(TEMPERATURES[best]))
    others = probabilities.copy()
    others[np.arange(n), targets] = -1.0
    return LabelDoubts(right, others.argmax(axis=1) if k > 1 else targets, probabilities, noise)


def _fitted(probabilities: FloatArray, targets: IntArray) -> tuple[float, float, FloatArray]:
    """Log-likelihood of the labels with its prior, the noise under which it is largest, and the probability that each label is right."""
    n, k = probabilities.shape
    own = probabilities[np.arange(n), targets]
    noise = 0.1
    for _ in range(_STEPS):
        right = _right(own, noise, k)
        noise = float(np.clip(((1 - right).sum() + PRIOR_IMAGES * PRIOR_NOISE) / (n + PRIOR_IMAGES), 1e-6, MOST_NOISE))
    likelihood = np.log(np.maximum(own * (1 - noise) + (1 - own) * noise / (k - 1), 1e-300)).sum()
    prior = PRIOR_IMAGES * (PRIOR_NOISE * np.log(noise) + (1 - PRIOR_NOISE) * np.log(1 - noise))
    return float(likelihood + prior), noise, _right(own, noise, k)


def _right(own: FloatArray, noise: float, num_classes: int) -> FloatArray:
    """The probability that a label is right by Bayes's rule, where the model gives it ``own``."""
    good, bad = own * (1 - noise), (1 - own) * noise / (num_classes - 1)
    return np.asarray(good / np.maximum(good + bad, 1e-300))
