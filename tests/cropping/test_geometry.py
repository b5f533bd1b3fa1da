from __future__ import annotations

import numpy as np
import pytest

from tellapart.cropping.geometry import Box, CropShape, activation_box, crop_box, crop_pixels_of
from tests import sample_images


def boxed(*sides: float, width: int = 400, height: int = 300, **shape: object) -> Box:
    return crop_box(np.array(sides, np.float64), width, height, CropShape(**shape))  # type: ignore[arg-type]


def test_a_margin_is_a_share_of_the_box() -> None:
    assert boxed(100, 100, 140, 150, margin=0.5, is_square=False) == Box(80, 75, 160, 175)
    assert boxed(100, 100, 140, 150, margin=0.0, is_square=False) == Box(100, 100, 140, 150)


def test_a_square_is_as_wide_as_the_longer_side() -> None:
    found = boxed(100, 100, 140, 160, margin=0.0)
    assert found == Box(90, 100, 150, 160)
    assert str(found) == "90,100,150,160"


def test_what_reaches_outside_is_moved_in_then_cut() -> None:
    assert boxed(-20, 10, 40, 70, margin=0.0) == Box(0, 10, 60, 70)
    assert boxed(350, 250, 420, 320, margin=0.0) == Box(330, 230, 400, 300)
    assert boxed(0, 0, 400, 300, margin=1.0) == Box(50, 0, 350, 300)
    assert boxed(0, 0, 400, 300, margin=1.0, is_square=False) == Box(0, 0, 400, 300)


@pytest.mark.parametrize("is_square", [True, False])
def test_no_box_leaves_a_tiny_image(is_square: bool) -> None:
    found = boxed(0.2, 0.1, 0.4, 0.3, width=3, height=1, is_square=is_square)
    assert 0 <= found.left < found.right <= 3
    assert (found.top, found.bottom) == (0, 1)


def test_pixels_are_copied_as_they_are() -> None:
    pixels = sample_images.photo_pixels(1, 80, 60)
    assert np.array_equal(crop_pixels_of(pixels, Box(10, 20, 50, 55), CropShape()), pixels[20:55, 10:50])


@pytest.mark.parametrize(("is_square", "shape"), [(True, (32, 32, 3)), (False, (28, 32, 3))])
def test_a_size_is_that_of_the_longer_side(is_square: bool, shape: tuple[int, ...]) -> None:
    pixels = sample_images.photo_pixels(1, 80, 70)
    assert crop_pixels_of(pixels, Box(0, 0, 80, 70), CropShape(is_square=is_square, size=32)).shape == shape


@pytest.mark.parametrize("angle", [-35.0, 0.0, 20.0])
def test_eyes_become_level(angle: float) -> None:
    radians = np.radians(angle)
    eyes = np.array([[150.0, 150.0], [150.0, 150.0]]) + np.outer([-30, 30], [np.cos(radians), np.sin(radians)])
    pixels = np.zeros((300, 300, 3), np.uint8)
    for number, (x, y) in enumerate(eyes.round().astype(int)):
        pixels[y - 3 : y + 4, x - 3 : x + 4, number] = 255
    found = crop_pixels_of(pixels, Box(90, 90, 210, 210), CropShape(is_aligned=True), eyes)
    places = [np.argwhere(found[..., number] > 128).mean(axis=0) for number in (0, 1)]
    assert abs(places[0][0] - places[1][0]) < 1.5
    assert 57 < places[1][1] - places[0][1] < 63
    assert abs(places[0][0] - 60) < 2


def test_the_strongest_part_of_a_map_is_boxed() -> None:
    activations = np.zeros((10, 10), np.float32)
    activations[2:5, 6:9] = 3.0
    activations[8, 0] = 2.0
    found = activation_box(activations, 1000, 500)
    assert found is not None
    assert np.abs(found - [600, 100, 900, 250]).max() < 60


@pytest.mark.parametrize("activations", [np.zeros((10, 10)), np.full((10, 10), 7.0), np.full((4, 4), np.nan)])
def test_a_map_without_anything_in_it_has_no_box(activations: np.ndarray) -> None:  # type: ignore[type-arg]
    assert activation_box(activations, 100, 100) is None
