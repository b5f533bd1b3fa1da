from __future__ import annotations

import numpy as np
import pytest

from tellapart.curation.label_errors import find_label_errors


def logits_and_labels(n: int, k: int, share: float, *, gap: float = 6.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits that know the truth, labels of which a share is wrong, and which."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), truth] += gap
    labels = truth.copy()
    wrong = rng.choice(n, round(share * n), replace=False)
    labels[wrong] = (labels[wrong] + rng.integers(1, k, len(wrong))) % k
    is_wrong = labels != truth
    return logits, labels, is_wrong


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_planted_flips_are_found_with_their_share_and_their_class(k: int, share: float) -> None:
    logits, labels, is_wrong = logits_and_labels(1500, k, share)
    doubts = find_label_errors(logits, labels)
    found = doubts.right < 0.5
    assert (found & is_wrong).sum() >= 0.93 * is_wrong.sum()
    assert (found & ~is_wrong).sum() <= 0.03 * is_wrong.sum()
    assert doubts.noise == pytest.approx(share, abs=0.015)
    truth = logits.argmax(axis=1)
    assert (doubts.suggested[is_wrong] == truth[is_wrong]).mean() > 0.97
    assert (doubts.suggested != labels).all()


def test_clean_labels_are_left_alone_even_where_classes_are_hard_to_tell_apart() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(2000, 4)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(4, p=row) for row in chances])
    doubts = find_label_errors(logits, labels)
    assert (labels != logits.argmax(axis=1)).mean() > 0.2, "there is much to be taken for wrong"
    assert (doubts.right < 0.5).mean() < 0.005
    assert doubts.noise < 0.02


def test_scores_are_probabilities_and_the_order_is_that_of_the_models_doubt() -> None:
    logits, labels, _ = logits_and_labels(400, 3, 0.1, gap=2.0)
    doubts = find_label_errors(logits, labels)
    own = doubts.probabilities[np.arange(400), labels]
    assert ((doubts.right >= 0) & (doubts.right <= 1)).all()
    assert np.allclose(doubts.probabilities.sum(axis=1), 1)
    assert np.corrcoef(np.argsort(np.argsort(own)), np.argsort(np.argsort(doubts.right)))[0, 1] > 0.99


def test_very_few_images_say_next_to_nothing() -> None:
    doubts = find_label_errors(np.array([[1.0, -1.0], [-1.0, 1.0], [0.5, 0.0]]), np.array([0, 1, 1]))
    assert (doubts.right > 0.5).all()
