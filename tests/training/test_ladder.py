from __future__ import annotations

import numpy as np

from tellapart.predictions import Predictions
from tellapart.training.ladder import best_out_of_fold


def predictions(truths: np.ndarray, first: int = 0) -> Predictions:
    """Predictions that give each image's truth this probability; the truth is always the first class."""
    n = len(truths)
    names = tuple(f"image {first + i}" for i in range(n))
    probabilities = np.stack([truths, 1 - truths], axis=1)
    return Predictions(names, names, ("a",) * n, probabilities, np.log(probabilities), ("a", "b"), ("train",) * n, names, "toy")


def test_a_later_candidate_has_to_be_better_by_a_standard_error() -> None:
    rng = np.random.default_rng(0)
    truths = rng.uniform(0.6, 0.9, 400)
    clearly = np.minimum(truths + 0.05, 0.99)
    hardly = truths + rng.normal(0.002, 0.1, 400).clip(-0.3, 0.09)
    assert best_out_of_fold({"probe": predictions(truths), "finetune": predictions(clearly)}) == "finetune"
    assert best_out_of_fold({"probe": predictions(truths), "finetune": predictions(hardly)}) == "probe"
    assert best_out_of_fold({"scratch": predictions(truths), "probe": predictions(clearly), "finetune": predictions(clearly)}) == "probe"


def test_candidates_are_compared_on_the_images_they_share() -> None:
    good, bad = np.full(50, 0.9), np.full(50, 0.5)
    first = predictions(np.concatenate([bad, good]))
    second = predictions(good - 0.1, first=50)
    assert best_out_of_fold({"probe": first, "finetune": second}) == "probe"
