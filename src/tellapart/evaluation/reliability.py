"""Calibration of the confidence: reliability bins, expected calibration error (ECE), and accuracy against coverage."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.part_metrics import CoveragePoint, ReliabilityBin

MAX_BINS = 15
IMAGES_PER_BIN = 20
COVERAGES = tuple(round(0.05 * i, 2) for i in range(2, 21))


def reliability_bins(probabilities: FloatArray, targets: IntArray, bins: int | None = None) -> list[ReliabilityBin]:
    """Confidence and accuracy in bins of equal mass, least confident first.

    Equal mass, because a good model would put nearly all images into the last bin of equal width. Equal confidences share a
    bin.

    Args:
        probabilities: float (n, k).
        targets: int (n,).
        bins: number of bins; by default at most 15, of at least 20 images each.
    """
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == targets
    n = len(confidence)
    count = bins or int(np.clip(n // IMAGES_PER_BIN, 1, MAX_BINS))
    order = np.argsort(confidence, kind="stable")
    ranked = confidence[order]
    cuts = np.searchsorted(ranked, ranked[np.arange(1, count) * n // count], side="left")
    edges = np.unique(np.concatenate([[0], cuts, [n]]))
    return [
        ReliabilityBin(
            low=float(ranked[start]),
            high=float(ranked[stop - 1]),
            n=int(stop - start),
            confidence=float(ranked[start:stop].mean()),
            accuracy=float(is_right[order[start:stop]].mean()),
        )
        for start, stop in pairwise(edges.tolist())
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error (ECE): mean gap between confidence and accuracy over bins, weighted by images (Naeini et al. 2015).

    Biased upwards on few images, like every binned estimate.
    """
    total = sum(b.n for b in bins)
    return float(sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / total)


def coverage_curve(probabilities: FloatArray, targets: IntArray) -> list[CoveragePoint]:
    """Accuracy when only the most confident images are predicted, lowest coverage first.

    ``coverage`` is the share of images with ``confidence >= threshold``, so equal confidences stay together.

    Args:
        probabilities: float (n, k).
        targets: int (n,).
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    right = np.cumsum((probabilities.argmax(axis=1) == targets)[order])
    n = len(ranked)
    answer_counts = np.unique(np.maximum(1, np.ceil(np.array(COVERAGES) * n - 1e-9).astype(np.int64)))
    answered = np.unique(np.searchsorted(-ranked, -ranked[answer_counts - 1], side="right"))
    return [CoveragePoint(float(m / n), float(ranked[m - 1]), float(right[m - 1] / m)) for m in answered.tolist()]
