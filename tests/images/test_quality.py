import numpy as np
import pytest
from PIL import Image, ImageFilter

from tellapart.images import facts
from tests import pictures


def test_flat_colour() -> None:
    flat = facts(np.full((300, 200, 3), (250, 100, 10), np.uint8))
    assert (flat.red, flat.green, flat.blue) == pytest.approx((250, 100, 10), abs=0.01)
    assert flat.brightness == pytest.approx(0.299 * 250 + 0.587 * 100 + 0.114 * 10, abs=0.01)
    assert flat.contrast == pytest.approx(0, abs=0.01)
    assert flat.sharpness == pytest.approx(0, abs=0.01)


def test_black_and_white_halves_have_the_highest_contrast() -> None:
    halves = np.zeros((100, 100, 3), np.uint8)
    halves[:, 50:] = 255
    assert facts(halves).contrast == pytest.approx(127.5)
    assert facts(halves).brightness == pytest.approx(127.5)


def test_blur_lowers_sharpness_whatever_the_size() -> None:
    for width, height in ((500, 375), (2000, 1500)):
        image = Image.fromarray(pictures.photo_pixels(3, width, height))
        sharp = facts(np.array(image)).sharpness
        blurred = facts(np.array(image.filter(ImageFilter.GaussianBlur(width / 40)))).sharpness
        assert blurred < 0.2 * sharp


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 500, 3), (500, 1, 3)])
def test_thin_pictures_have_facts(shape: tuple[int, int, int]) -> None:
    assert facts(np.full(shape, 7, np.uint8)).brightness == pytest.approx(7, abs=0.01)
    assert facts(np.full(shape, 7, np.uint8)).sharpness == 0
