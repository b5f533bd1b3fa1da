from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tellapart.dataset.image_analysis import analyze_image
from tellapart.dataset_export.rendering import ORIGINAL, Square, channel_sums, encoded, mean_and_deviation, suffix_of
from tellapart.errors import ImageError
from tellapart.images import decode, resize
from tests import sample_images


@pytest.mark.parametrize("policy", ["crop", "pad", "squash"])
def test_squares_are_what_training_sees(policy: str) -> None:
    data = sample_images.photo(3, 500, 375)
    found = Square((50, 100), policy).pixels(data)
    seen = analyze_image(data, "id", (50, 100), policy).pixels
    assert np.array_equal(found[50], seen[0])
    assert np.array_equal(found[100], seen[1])


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_a_square_is_the_same_whatever_other_sizes_are_written(name: str) -> None:
    data = sample_images.encoded(np.random.default_rng(0).integers(0, 256, (940, 960, 3), dtype=np.uint8), name)
    assert np.array_equal(Square((50, 300)).pixels(data)[50], Square((50,)).pixels(data)[50])


def test_gray_is_pillows_gray() -> None:
    data = sample_images.photo(4, 90, 80)
    square = resize(decode(data).pixels, 32)
    found = Square((32,), is_gray=True).pixels(data)[32]
    assert found.shape == (32, 32, 1)
    assert np.array_equal(found[:, :, 0], np.asarray(Image.fromarray(square).convert("L")))


def test_arrays_have_the_layout_asked_for() -> None:
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    assert np.array_equal(Square((8,)).array(pixels), pixels)
    first = Square((8,), is_first=True)
    assert first.shape(8) == first.array(pixels).shape == (3, 8, 8)
    assert np.array_equal(first.array(pixels)[2], pixels[:, :, 2])
    real = Square((8,), is_float=True).array(pixels)
    assert real.dtype == np.float32
    assert real[7, 7, 2] == np.float32(191) / np.float32(255)
    assert Square((8,), is_gray=True).shape(8) == (8, 8, 1)


def test_originals_are_decoded_to_see_that_they_can_be() -> None:
    assert Square((ORIGINAL,)).pixels(sample_images.photo(1)) == {}
    with pytest.raises(ImageError, match="cut off"):
        Square((ORIGINAL,)).pixels(sample_images.cut(sample_images.photo(1), 0.5))


@pytest.mark.parametrize("channels", [1, 3])
def test_encoded_images_are_nearly_the_same(channels: int) -> None:
    pixels = np.ascontiguousarray(sample_images.photo_pixels(2, 64, 64)[:, :, :channels])
    found = np.asarray(Image.open(io.BytesIO(encoded(pixels)))).reshape(pixels.shape)
    assert np.abs(found.astype(int) - pixels).mean() < 3


def test_a_suffix_says_what_a_file_is() -> None:
    assert suffix_of(sample_images.photo(1)) == "jpg"
    assert suffix_of(sample_images.palette_png()) == "png"
    assert suffix_of(sample_images.photo(1, name="WEBP")) == "webp"


def test_sums_give_numpys_mean_and_deviation() -> None:
    squares = [sample_images.photo_pixels(seed, 20, 20) for seed in range(5)]
    sums = sum(channel_sums(one) for one in squares)
    mean, deviation = mean_and_deviation(sums.tolist(), 5 * 400)
    stacked = np.stack(squares).reshape(-1, 3) / 255
    assert mean == pytest.approx(stacked.mean(axis=0), abs=1e-6)
    assert deviation == pytest.approx(stacked.std(axis=0), abs=1e-6)
