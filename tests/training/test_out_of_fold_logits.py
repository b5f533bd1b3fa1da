from __future__ import annotations

import numpy as np

from tellapart.training.linear_probe import LabeledFeatures
from tellapart.training.out_of_fold_logits import held_out_logits


def data(labels_wrong: int = 0, seed: int = 0) -> tuple[LabeledFeatures, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat([0, 1, 2], 60)
    features = rng.normal(size=(180, 30)).astype(np.float32)
    features[np.arange(180), truth] += 4
    targets = truth.copy()
    wrong = rng.choice(180, labels_wrong, replace=False)
    targets[wrong] = (targets[wrong] + 1) % 3
    return LabeledFeatures(features, targets, [f"g{i}" for i in range(180)], ["a", "b", "c"]), wrong


def test_what_did_not_teach_knows_the_truth_where_labels_are_wrong() -> None:
    labeled, wrong = data(18)
    logits = held_out_logits(labeled)
    own = logits[np.arange(180), labeled.targets] - logits.max(axis=1)
    assert (own[wrong] < 0).mean() > 0.9
    assert (np.delete(own, wrong) == 0).mean() > 0.9


def test_images_of_one_group_never_teach_each_other() -> None:
    rng = np.random.default_rng(1)
    features = np.repeat(rng.normal(size=(40, 50)), 2, axis=0).astype(np.float32)
    targets = np.repeat(rng.integers(0, 2, 40), 2)
    grouped = held_out_logits(LabeledFeatures(features, targets, [f"g{i // 2}" for i in range(80)], ["a", "b"]))
    alone = held_out_logits(LabeledFeatures(features, targets, [f"g{i}" for i in range(80)], ["a", "b"]))
    assert (alone.argmax(axis=1) == targets).mean() > 0.85, "twins give each other away"
    assert (grouped.argmax(axis=1) == targets).mean() < 0.7, "labels drawn at random cannot be known"


def test_the_same_seed_gives_the_same_logits() -> None:
    labeled, _ = data()
    assert np.array_equal(held_out_logits(labeled, seed=3), held_out_logits(labeled, seed=3))
    assert not np.array_equal(held_out_logits(labeled, seed=3), held_out_logits(labeled, seed=4))
