from __future__ import annotations

import numpy as np
import pytest

from tellapart.augmentation.policy import PRESETS
from tellapart.augmentation.tta_views import VIEWS, view, view_matrices, views
from tests import sample_images

SIDE = 64
PHOTOS = np.stack([sample_images.photo_pixels(seed, SIDE, SIDE) for seed in range(3)])
KEYS = np.arange(3, dtype=np.uint64)
EVERY = 2 * len(VIEWS)


def test_the_first_view_is_the_image_and_the_second_its_mirror_image() -> None:
    first, second = views(PHOTOS, 2)
    assert first is PHOTOS
    assert (second == PHOTOS[:, :, ::-1]).all()


def test_every_odd_view_is_the_mirror_image_of_the_one_before() -> None:
    seen = list(views(PHOTOS, EVERY))
    for number in range(0, EVERY, 2):
        difference = seen[number][:, :, ::-1].astype(int) - seen[number + 1]
        assert abs(difference).max() <= 1, VIEWS[number // 2]


def test_views_differ_and_begin_again_after_the_last() -> None:
    seen = list(views(PHOTOS, EVERY + 3))
    for number in range(EVERY):
        assert all((seen[number] != seen[other]).any() for other in range(number))
    assert all((seen[EVERY + number] == seen[number]).all() for number in range(3))


@pytest.mark.parametrize("pair", range(1, 6))
def test_crops_reach_the_edges_they_are_named_after_and_no_further(pair: int) -> None:
    name, kept, across, down = VIEWS[pair]
    low, high = view_matrices(EVERY, 100)[2 * pair] @ np.array([[-0.5, 99.5], [-0.5, 99.5], [1, 1]]) @ np.eye(2)
    assert high[1] - high[0] == low[1] - low[0] == pytest.approx(100 * kept)
    assert (low[0] == pytest.approx(-0.5)) == ("left" in name) == (across < 0)
    assert (high[0] == pytest.approx(-0.5)) == ("top" in name) == (down < 0)
    assert max(low[1], high[1]) <= 99.5 + 1e-9
    assert min(low[0], high[0]) >= -0.5 - 1e-9


def test_with_an_augmentation_views_are_drawn_from_it() -> None:
    seen = list(views(PHOTOS, 4, augmentation=PRESETS["light"], keys=KEYS, seed=5))
    assert seen[0] is PHOTOS
    assert (seen[2] == PRESETS["light"].augmented(PHOTOS, KEYS, seed=5, epoch=2)).all()
    assert (view(PHOTOS[1:2], 3, augmentation=PRESETS["light"], keys=KEYS[1:2], seed=5) == seen[3][1:2]).all()


def test_without_keys_a_view_is_the_same_draw_for_every_image() -> None:
    twice = np.stack([PHOTOS[0], PHOTOS[0]])
    first, second = view(twice, 1, augmentation=PRESETS["strong"])
    assert (first == second).all()
