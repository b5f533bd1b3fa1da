import numpy as np
import pytest
from PIL import Image

from tellapart.errors import ImageError
from tellapart.images.color_conversion import rgb_pixels, srgb_transform, to_srgb
from tests import sample_images


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "YCbCr", "HSV", "CMYK", "LA", "La", "PA", "RGBA", "RGBa", "I", "F", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    photo = Image.fromarray(sample_images.photo_pixels(2, 60, 40))
    steps = {"La": ["LA"], "RGBa": ["RGBA"], "PA": ["P"], "I;16": ["I"]}.get(mode, [])
    image = photo
    for step in [*steps, mode]:
        image = image.convert(step)
    pixels = rgb_pixels(image)
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8
    if mode not in ("1", "I;16"):
        is_gray = mode in ("L", "LA", "La", "I", "F")
        expected = np.asarray(photo.convert("L").convert("RGB") if is_gray else photo)
        assert np.abs(pixels.astype(int) - expected).mean() < (25 if mode in ("P", "PA") else 2)


def test_bands_join_without_seams() -> None:
    image = Image.fromarray(sample_images.photo_pixels(1, 3000, 701)).convert("RGBA")
    np.testing.assert_array_equal(rgb_pixels(image), np.asarray(image)[..., :3])
    for factor in (2, 4, 8):
        np.testing.assert_array_equal(rgb_pixels(image, factor), np.asarray(image.convert("RGB").reduce(factor)))


def test_float_gray_of_unit_range_byte_range_and_any_range() -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(2, 0)
    expected = np.arange(256)
    for values in (ramp, ramp * 255, ramp * 65535, ramp * 5e6 - 1e6):
        gray = rgb_pixels(Image.fromarray(values))[0, :, 0]
        assert np.abs(gray.astype(int) - expected).max() <= 1


def test_float_gray_with_holes_is_no_crash() -> None:
    values = np.full((4, 4), np.nan, np.float32)
    with pytest.raises(ImageError, match="not one pixel has a value"):
        rgb_pixels(Image.fromarray(values))
    values[0, 0] = 0.5
    assert rgb_pixels(Image.fromarray(values))[0, 0, 0] == 128


def test_srgb_profiles_cost_nothing_and_change_nothing() -> None:
    assert srgb_transform(sample_images.srgb_profile(), "RGB") is None


@pytest.mark.parametrize("profile", [b"", b"x", bytes(200), b"\x00" * 16 + b"RGB " + b"\xff" * 200, b"\x00" * 16 + b"GRAY" + bytes(200)])
def test_damaged_or_gray_profiles_are_ignored(profile: bytes) -> None:
    pixels = sample_images.photo_pixels()
    np.testing.assert_array_equal(to_srgb(pixels.copy(), profile), pixels)


def test_a_profile_with_other_primaries_is_converted() -> None:
    red = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    converted = to_srgb(red.copy(), sample_images.swapped_profile())
    np.testing.assert_allclose(converted[0, 0], (0, 0, 255), atol=2)
