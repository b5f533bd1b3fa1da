from __future__ import annotations

import numpy as np

from tellapart.curation.issues import BORDER
from tellapart.curation.outliers import LEAST, outlier_scores


def drawn(n: int = 200, d: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1], n // 2)
    return (rng.normal(size=(n, d)) + 3 * classes[:, None]).astype(np.float32), classes


def test_planted_outliers_come_first_and_only_they_are_far_below_the_border() -> None:
    features, classes = drawn()
    rng = np.random.default_rng(1)
    features[[3, 77, 150]] = rng.normal(size=(3, 40)) * 30
    scores = outlier_scores(features, classes)
    assert set(np.argsort(scores)[:3]) == {3, 77, 150}
    assert (scores[[3, 77, 150]] < 0.01).all()
    assert (scores < BORDER).sum() <= 6
    assert (scores >= 0).all()
    assert (scores <= 1).all()


def test_a_image_of_another_class_is_unlike_its_own() -> None:
    features, classes = drawn()
    classes[0] = 1
    assert np.argmin(outlier_scores(features, classes)) == 0


def test_small_classes_and_no_features_are_not_measured() -> None:
    features, classes = drawn()
    classes[: LEAST - 1] = 2
    scores = outlier_scores(features, classes)
    assert np.isnan(scores[: LEAST - 1]).all()
    assert not np.isnan(scores[LEAST:]).any()
    assert np.isnan(outlier_scores(np.empty((20, 0), np.float32), np.zeros(20, int))).all()
    assert outlier_scores(np.empty((0, 5), np.float32), np.empty(0, int)).shape == (0,)


def test_a_class_of_one_and_the_same_image_has_no_outlier() -> None:
    assert (outlier_scores(np.ones((20, 5), np.float32), np.zeros(20, int)) > BORDER).all()
