import numpy as np
import pytest
from PIL import Image, ImageFilter

from tellapart.images import image_statistics
from tests import folders, sample_images


def test_flat_color() -> None:
    flat = image_statistics(np.full((300, 200, 3), (250, 100, 10), np.uint8))
    assert (flat.red, flat.green, flat.blue) == pytest.approx((250, 100, 10), abs=0.01)
    assert flat.brightness == pytest.approx(0.299 * 250 + 0.587 * 100 + 0.114 * 10, abs=0.01)
    assert flat.contrast == pytest.approx(0, abs=0.01)
    assert flat.sharpness == pytest.approx(0, abs=0.01)


def test_black_and_white_halves_have_the_highest_contrast() -> None:
    halves = np.zeros((100, 100, 3), np.uint8)
    halves[:, 50:] = 255
    assert image_statistics(halves).contrast == pytest.approx(127.5)
    assert image_statistics(halves).brightness == pytest.approx(127.5)


def test_blur_lowers_sharpness_whatever_the_size() -> None:
    for width, height in ((500, 375), (2000, 1500)):
        image = Image.fromarray(sample_images.photo_pixels(3, width, height))
        sharp = image_statistics(np.array(image)).sharpness
        blurred = image_statistics(np.array(image.filter(ImageFilter.GaussianBlur(width / 40)))).sharpness
        assert blurred < 0.2 * sharp


def test_levels_entropy_and_chroma_are_those_planted() -> None:
    quarters = np.zeros((100, 100, 3), np.uint8)
    for number, level in enumerate((10, 80, 160, 240)):
        quarters[:, 25 * number : 25 * number + 25] = level
    found = image_statistics(quarters)
    assert (found.darkest, found.brightest, found.chroma) == pytest.approx((10, 240, 0), abs=1)
    assert found.entropy == pytest.approx(2.0)
    quarters[:10, :, 2] = 200
    assert image_statistics(quarters).chroma == pytest.approx(190, abs=1)
    assert image_statistics(np.full((50, 50, 3), 77, np.uint8)).entropy == 0


def test_acutance_falls_with_blur_and_does_not_care_for_contrast() -> None:
    pixels = np.asarray(folders.class_image("dots", 3, 500))
    sharp = image_statistics(pixels).acutance
    assert sharp > 1.2
    assert image_statistics((pixels * 0.3 + 20).astype(np.uint8)).acutance == pytest.approx(sharp, rel=0.05)
    blurred = [
        image_statistics(np.array(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))).acutance for radius in (4, 8, 16)
    ]
    assert sharp > blurred[0] > blurred[1] > blurred[2]
    assert blurred[1] < 0.5 * sharp


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 500, 3), (500, 1, 3)])
def test_thin_images_have_facts(shape: tuple[int, int, int]) -> None:
    assert image_statistics(np.full(shape, 7, np.uint8)).brightness == pytest.approx(7, abs=0.01)
    assert image_statistics(np.full(shape, 7, np.uint8)).sharpness == 0
    assert image_statistics(np.full(shape, 7, np.uint8)).acutance == 0
