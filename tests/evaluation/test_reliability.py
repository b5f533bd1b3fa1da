from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tellapart.calibration import softmax
from tellapart.evaluation.reliability import CoveragePoint, calibration_error, coverage_curve, reliability_bins

from .toy import logits_and_targets


def test_bins_hold_every_image_once_in_equal_masses() -> None:
    logits, y = logits_and_targets(1503, 3)
    p = softmax(logits)
    bins = reliability_bins(p, y)
    assert len(bins) == 15
    assert sum(b.n for b in bins) == 1503
    assert {b.n for b in bins} <= {100, 101}
    assert sum(b.n * b.accuracy for b in bins) == pytest.approx((p.argmax(1) == y).sum())
    assert all(b.low <= b.confidence <= b.high for b in bins)
    assert all(a.high <= b.low for a, b in pairwise(bins))


def test_equal_confidences_share_a_bin() -> None:
    p = np.repeat([[0.1, 0.9], [0.3, 0.7]], [200, 100], axis=0)
    bins = reliability_bins(p, np.ones(300, dtype=np.int64))
    assert [b.n for b in bins] == [100, 200]
    assert [b.low for b in bins] == [0.7, 0.9]


def test_few_images_make_few_bins() -> None:
    logits, y = logits_and_targets(30, 2)
    assert len(reliability_bins(softmax(logits), y)) == 1
    assert len(reliability_bins(softmax(logits[:1]), y[:1])) == 1


def test_calibration_error_sees_a_wrong_temperature() -> None:
    logits, y = logits_and_targets(20_000, 2, 1.2)
    assert calibration_error(reliability_bins(softmax(logits), y)) < 0.012
    assert calibration_error(reliability_bins(softmax(logits, 0.4), y)) > 0.05


def test_calibration_error_of_a_known_case() -> None:
    p = np.tile([[0.2, 0.8]], (100, 1))
    y = np.repeat([1, 0], [60, 40])
    assert calibration_error(reliability_bins(p, y)) == pytest.approx(0.2)


def test_coverage_ends_at_everything_and_counts_ties_together() -> None:
    logits, y = logits_and_targets(1000, 3, 1.5)
    p = softmax(logits)
    curve = coverage_curve(p, y)
    assert curve[-1].coverage == 1.0
    assert curve[-1].accuracy == pytest.approx((p.argmax(1) == y).mean())
    assert curve[0].accuracy > curve[-1].accuracy
    for point in curve:
        answered = p.max(axis=1) >= point.threshold
        assert answered.mean() == pytest.approx(point.coverage)
        assert (p.argmax(1) == y)[answered].mean() == pytest.approx(point.accuracy)
    assert coverage_curve(np.tile([[0.2, 0.8]], (10, 1)), np.ones(10, dtype=np.int64)) == [
        CoveragePoint(coverage=1.0, threshold=0.8, accuracy=1.0)
    ]
