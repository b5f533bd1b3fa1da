import numpy as np

from tellapart.images import decode, shrink, thumbnail
from tests import sample_images


def test_a_thumbnail_is_a_small_jpeg_of_the_same_image() -> None:
    pixels = sample_images.photo_pixels(1, 500, 375)
    data = thumbnail(pixels)
    image = decode(data)
    assert (image.width, image.height, image.format) == (128, 96, "JPEG")
    assert len(data) < 10_000
    assert np.abs(image.pixels.astype(int) - shrink(pixels, 128)).mean() < 6


def test_small_images_are_not_enlarged() -> None:
    assert decode(thumbnail(sample_images.photo_pixels(1, 20, 30))).width == 20
    assert decode(thumbnail(np.zeros((1, 1, 3), np.uint8))).height == 1


def test_views_are_fine() -> None:
    assert decode(thumbnail(sample_images.photo_pixels(1, 90, 60)[:, ::-1], long_edge=60)).width == 60
