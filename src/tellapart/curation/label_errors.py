"""Mislabeled images: whether a label is right, from what models say that did not learn from the image.

A confident model that names another class is evidence, and how much depends on how often labels are wrong at all and
on how far the model is to be trusted. So both are weighed along: the true class is drawn from softmax(logits / T), and
the label is, with probability ``noise``, any other class. Every T and noise on a grid counts as far as it makes the
labels given likely (noise evenly likely beforehand), and the score of an image is the probability, given its label,
that the label is right. Below one half it more probably is wrong than right, which is the cut.

Against the per-class thresholds of confident learning (Northcutt, Jiang & Chuang 2021, J. Artificial Intelligence
Research 70) on the same logits the cut names far fewer wrongly where classes are hard to tell apart, and finds more
where they are easy; the order is as good (docs/log.md, "Check"). The one likeliest T and noise will not do: on few and
hard images they can take all noise for ignorance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.calibration import softmax

TEMPERATURES = np.geomspace(0.05, 2.0, 24)
NOISES = np.geomspace(0.001, 0.4, 40)
SOUND_BEFOREHAND = 10.0
"""Images with a right label that are imagined besides, so that a handful of real ones does not tell of much noise."""
_NEGLIGIBLE = 1e-6


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """What is to be thought of n labels.

    Attributes:
        right: (n,), the probability that the label given is right, in view of the label; low = worse.
        suggested: (n,), the likeliest class other than the label.
        probabilities: (n, k), of the true class from the image alone.
        noise: the share of wrong labels to be expected.
    """

    right: FloatArray
    suggested: IntArray
    probabilities: FloatArray
    noise: float


def find_label_errors(logits: FloatArray, targets: IntArray) -> LabelErrors:
    """Doubts about the labels of n images.

    Args:
        logits: (n, k) from models that did not learn from the image, k at least 2.
        targets: the labels given, int (n,).
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
    """How much each temperature and noise counts (temperatures, noises), 1 together."""
    logs = np.empty((len(TEMPERATURES), len(NOISES)))
    for at, chances in enumerate(own):
        for place, noise in enumerate(NOISES):
            good, bad = _shares(chances, float(noise), num_classes)
            logs[at, place] = np.log(np.maximum(good + bad, 1e-300)).sum() + np.log(noise) + SOUND_BEFOREHAND * np.log(1 - noise)
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _shares(own: FloatArray, noise: float, num_classes: int) -> tuple[FloatArray, FloatArray]:
    """The chance of the label given as a right one, and as a wrong one, where the model gives it ``own``."""
    return own * (1 - noise), (1 - own) * noise / (num_classes - 1)
