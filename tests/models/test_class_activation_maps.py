from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.cropping.geometry import activation_box
from tellapart.images import resize
from tellapart.models.class_activation_maps import SIDE, ActivationNetwork
from tellapart.models.imagenet_classes import imagenet_classes
from tests import faces, sample_images


@pytest.fixture(scope="module")
def network(cache: Path) -> ActivationNetwork:
    return ActivationNetwork(device="cpu")


def test_a_cat_is_found_where_it_sits(network: ActivationNetwork) -> None:
    cat = resize(faces.shipped("chelsea.png"), 200, "crop")
    scene = np.full((400, 800, 3), 200, np.uint8)
    scene[180:380, 550:750] = cat
    maps, sure = network.maps(resize(scene, SIDE, "squash")[None], imagenet_classes("cats"))
    assert maps.shape == (1, 10, 10)
    assert sure[0] > 0.15
    box = activation_box(maps[0], 800, 400)
    assert box is not None
    center = (box[:2] + box[2:]) / 2
    assert abs(center[0] - 650) < 110
    assert abs(center[1] - 280) < 80


def test_a_thing_that_is_not_there_is_improbable(network: ActivationNetwork) -> None:
    pixels = resize(sample_images.photo_pixels(1, 300, 200), SIDE, "squash")[None]
    _, sure = network.maps(pixels, imagenet_classes("cats"))
    assert sure[0] < 0.05
    _, sure = network.maps(pixels)
    assert sure[0] == 1
