"""The check of checks: where labels mean nothing, an examination must find nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tellapart
from tests import folders


@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_labels_give_chance_within_its_interval(photos: Path, tmp_path: Path, seed: int) -> None:
    paths = sorted(photos.glob("*/*.jpg"))
    kinds = np.random.default_rng(seed).permutation([path.parent.name for path in paths])
    root = tmp_path / "photos"
    folders.write(root, {f"{kind}/{number}.jpg": path.read_bytes() for number, (kind, path) in enumerate(zip(kinds, paths, strict=True))})
    run = tellapart.train(
        root, recipe="scratch", architecture="tiny", image_size=32, epochs=6, augment="flip", test_share=0.4, out=tmp_path / "runs"
    )
    accuracy, loss = run.metrics.parts["test"].accuracy, run.metrics.parts["test"].log_loss
    assert run.metrics.parts["test"].n == 36
    assert accuracy.low <= 1 / 3 <= accuracy.high
    assert loss.high > 0.95 * np.log(3)
    assert loss.value < np.log(3) + 0.2, "an honest temperature does not let it be sure of nothing"
