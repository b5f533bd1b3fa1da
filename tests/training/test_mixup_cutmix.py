from __future__ import annotations

import numpy as np
import pytest
import torch

from tellapart.training.data_loader import Batch
from tellapart.training.mixup_cutmix import mix_batch


def batch(n: int = 8, size: int = 10) -> Batch:
    """Image i is full of i, and its target is i."""
    return Batch(torch.arange(n, dtype=torch.float32)[:, None, None, None].expand(n, 3, size, size).clone(), torch.arange(n))


def shares(found: torch.Tensor, losses_of: object, n: int = 8) -> torch.Tensor:
    """The weight of each target in the loss (n,): what its one-hot losses add up to."""
    return losses_of(lambda targets: torch.nn.functional.one_hot(targets, n).double())  # type: ignore[operator, no-any-return]


def test_off_is_the_identity() -> None:
    given = batch()
    x, losses_of = mix_batch(given, 0.0, 0.0, seed=3)
    assert x is given.x
    assert losses_of(lambda targets: targets.double().sum()) == given.targets.sum()


@pytest.mark.parametrize("seed", range(20))
def test_mixup_mixes_images_as_it_mixes_truths(seed: int) -> None:
    given = batch()
    x, losses_of = mix_batch(given, 0.8, 0.0, seed=seed)
    truth = shares(x, losses_of)
    assert torch.allclose(truth.sum(1), torch.ones(8, dtype=torch.float64))
    means = truth @ torch.arange(8, dtype=torch.float64)
    assert torch.allclose(x.double().mean((1, 2, 3)), means, atol=1e-5)
    assert torch.equal(given.x, batch().x)


@pytest.mark.parametrize("seed", range(20))
def test_cutmix_pastes_one_square_whose_area_is_its_share(seed: int) -> None:
    given = batch()
    x, losses_of = mix_batch(given, 0.0, 1.0, seed=seed)
    truth = shares(x, losses_of)
    assert torch.allclose(truth.sum(1), torch.ones(8, dtype=torch.float64))
    for number, image in enumerate(x):
        strange = (image[0] != number).numpy()
        area = np.argwhere(strange)
        if len(area):
            (top, left), (bottom, right) = area.min(0), area.max(0) + 1
            assert strange[top:bottom, left:right].all()
            assert bottom - top == right - left
            assert truth[number, number].item() == pytest.approx(1 - strange.mean())
            assert len(image[:, top:bottom, left:right].unique()) == 1
    assert torch.equal(given.x, batch().x)


def test_the_same_seed_mixes_the_same_and_both_kinds_take_turns() -> None:
    given, kinds = batch(), set()
    for seed in range(30):
        first, second = (mix_batch(given, 0.5, 0.5, seed=seed)[0] for _ in range(2))
        assert torch.equal(first, second)
        kinds.add(len(first[0].unique()) > 1 or bool((first == first.round()).all()))
    assert kinds == {True, False}
