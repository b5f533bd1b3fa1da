from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tellapart.errors import OptionError
from tellapart.images import decode, resize, shrink, thumbnail
from tests import sample_images

GOLDEN = {
    "crop": [
        [186, 70, 68, 188, 82, 58, 161, 118, 99, 133, 155, 142],
        [185, 72, 77, 188, 90, 80, 121, 105, 153, 89, 94, 188],
        [184, 77, 104, 173, 105, 142, 98, 102, 191, 69, 86, 201],
        [184, 82, 137, 173, 111, 170, 147, 141, 187, 117, 162, 183],
    ],
    "pad": [
        [186, 69, 74, 188, 79, 62, 147, 122, 120, 116, 158, 167],
        [187, 69, 76, 180, 91, 108, 93, 94, 184, 106, 90, 181],
        [187, 71, 107, 176, 102, 156, 126, 133, 190, 105, 175, 180],
        [127] * 12,
    ],
    "squash": [
        [186, 70, 75, 187, 79, 61, 154, 128, 110, 115, 174, 164],
        [186, 69, 71, 186, 85, 81, 110, 102, 163, 115, 96, 176],
        [187, 69, 85, 175, 97, 132, 88, 96, 195, 98, 111, 186],
        [187, 71, 113, 176, 103, 161, 138, 145, 187, 109, 189, 176],
    ],
}


def by_pillow(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)).astype(int)


@pytest.mark.parametrize("policy", ["crop", "pad", "squash"])
def test_golden_pixels(policy: str) -> None:
    small = resize(sample_images.photo_pixels(5, 96, 64), 4, policy)  # type: ignore[arg-type]
    np.testing.assert_allclose(small.reshape(4, 12).astype(int), GOLDEN[policy], atol=1)


@pytest.mark.parametrize(("width", "height"), [(500, 375), (403, 301), (333, 1000), (90, 61)])
@pytest.mark.parametrize("size", [50, 100, 224])
def test_the_same_image_as_pillow(width: int, height: int, size: int) -> None:
    pixels = sample_images.photo_pixels(width, width, height)
    assert np.abs(resize(pixels, size, "squash") - by_pillow(pixels, size, size)).mean() < 0.6
    scale = size / min(width, height)
    tall, wide = max(size, int(height * scale)), max(size, int(width * scale))
    top, left = round((tall - size) / 2), round((wide - size) / 2)
    whole = by_pillow(pixels, wide, tall)
    assert np.abs(resize(pixels, size, "crop") - whole[top : top + size, left : left + size]).mean() < 0.6


def test_pad_keeps_everything_and_centers_it() -> None:
    padded = resize(np.full((100, 200, 3), 255, np.uint8), 80, "pad")
    assert (padded[20:60] == 255).all()
    assert (padded[:20] == 127).all()
    assert (padded[60:] == 127).all()


@pytest.mark.parametrize("policy", ["crop", "pad", "squash"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (300, 1, 3), (32, 32, 3), (7, 5, 3)])
def test_any_shape_gives_the_square(shape: tuple[int, int, int], policy: str) -> None:
    square = resize(np.full(shape, 90, np.uint8), 32, policy)  # type: ignore[arg-type]
    assert square.shape == (32, 32, 3)
    assert square.dtype == np.uint8
    assert square.flags.c_contiguous
    assert set(np.unique(square)) <= {90, 127}


def test_views_and_read_only_arrays_are_fine_and_unchanged() -> None:
    pixels = sample_images.photo_pixels(1)
    mirrored = resize(pixels[:, ::-1], 50, "squash")
    np.testing.assert_allclose(mirrored[:, ::-1].astype(int), resize(pixels, 50, "squash"), atol=1)
    pixels.flags.writeable = False
    before = pixels.copy()
    resize(pixels, 50)
    np.testing.assert_array_equal(pixels, before)


def test_the_right_size_is_copied_not_shared() -> None:
    pixels = sample_images.photo_pixels(1, 50, 50)
    for policy in ("crop", "pad", "squash"):
        same = resize(pixels, 50, policy)  # type: ignore[arg-type]
        np.testing.assert_array_equal(same, pixels)
        assert not np.shares_memory(same, pixels)


def test_unknown_policy() -> None:
    with pytest.raises(OptionError, match=r"stretch.*crop, pad, squash"):
        resize(sample_images.photo_pixels(), 50, "stretch")  # type: ignore[arg-type]


def test_shrink_never_enlarges_and_keeps_the_shape() -> None:
    pixels = sample_images.photo_pixels(1, 500, 375)
    assert shrink(pixels, 500) is pixels
    small = shrink(pixels, 128)
    assert small.shape == (96, 128, 3)
    assert small.flags.writeable
    assert np.abs(small - by_pillow(pixels, 128, 96)).mean() < 2
    assert shrink(np.zeros((2, 900, 3), np.uint8), 100).shape == (1, 100, 3)


@pytest.mark.parametrize(("width", "height"), [(20_000, 1), (1, 20_000), (65_535, 2), (3, 5001), (9001, 700)])
def test_a_long_image_is_cut_before_it_is_resized(width: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from tellapart.images import resizing

    made: list[int] = []
    original = resizing._resample
    monkeypatch.setattr(resizing, "_resample", lambda pixels, tall, wide: made.append(tall * wide) or original(pixels, tall, wide))
    for policy in ("crop", "pad", "squash"):
        assert resize(np.zeros((height, width, 3), np.uint8), 64, policy).shape == (64, 64, 3)  # type: ignore[arg-type]
    assert max(made) <= 12 * 64 * 64


@pytest.mark.parametrize(("width", "height"), [(90, 10), (10, 91), (401, 40), (60, 1)])
def test_the_middle_of_a_long_image_is_what_it_would_have_been(width: int, height: int) -> None:
    from tellapart.images.resizing import _resample

    pixels = sample_images.photo_pixels(3, width, height)
    scale = 32 / min(width, height)
    whole = _resample(pixels, round(height * scale), round(width * scale))
    top, left = round((whole.shape[0] - 32) / 2), round((whole.shape[1] - 32) / 2)
    assert np.abs(resize(pixels, 32).astype(int) - whole[top : top + 32, left : left + 32]).mean() < 3  # half a pixel of noise


def test_images_up_to_eight_times_as_long_as_wide_are_untouched_by_that() -> None:
    from tellapart.images.resizing import _crop_middle

    pixels = np.zeros((10, 80, 3), np.uint8)
    assert _crop_middle(pixels) is pixels


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
