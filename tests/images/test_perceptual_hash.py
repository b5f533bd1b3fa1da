import numpy as np
from PIL import Image

from tellapart.images import correlation, decode, difference_hash, difference_hashes, mirrored_signature, signature
from tests import sample_images


def bits_apart(first: bytes, second: bytes) -> int:
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).bit_count()


def smaller_and_worse(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    return decode(sample_images.encoded(Image.fromarray(pixels).resize((width // 2, height // 2)), quality=60)).pixels


def test_copies_are_near_and_other_images_far() -> None:
    for seed in range(5):
        pixels, other = sample_images.photo_pixels(seed, 500, 375), sample_images.photo_pixels(seed + 50, 500, 375)
        assert len(difference_hash(pixels)) == 16
        assert bits_apart(difference_hash(pixels), difference_hash(smaller_and_worse(pixels))) <= 10
        assert bits_apart(difference_hash(pixels), difference_hash(other)) > 30


def test_the_mirror_hash_is_the_hash_of_the_mirror_image() -> None:
    for seed in range(5):
        pixels = sample_images.photo_pixels(seed, 128, 96)
        own, mirrored = difference_hashes(pixels)
        assert own == difference_hash(pixels)
        assert bits_apart(mirrored, difference_hash(np.ascontiguousarray(pixels[:, ::-1]))) <= 4


def test_bits_say_which_side_is_brighter() -> None:
    ramp = np.arange(90, dtype=np.uint8)[None, :, None].repeat(80, 0).repeat(3, 2)
    assert difference_hash(ramp) == bytes(16)  # brighter to the right, equal downwards
    assert difference_hash(ramp[:, ::-1]) == b"\xff" * 8 + bytes(8)
    assert difference_hash(ramp.transpose(1, 0, 2)[::-1]) == bytes(8) + b"\xff" * 8


def test_tiny_images_have_a_hash() -> None:
    assert len(difference_hash(np.zeros((1, 1, 3), np.uint8))) == 16


def test_signatures_confirm_copies() -> None:
    pixels, other = sample_images.photo_pixels(1, 300, 200), sample_images.photo_pixels(2, 300, 200)
    own = signature(pixels)
    assert own.shape == (768,)
    assert own.dtype == np.float16
    assert correlation(own, signature(smaller_and_worse(pixels))) > 0.99
    assert correlation(own, signature(other)) < 0.8
    assert correlation(mirrored_signature(own), signature(pixels[:, ::-1])) > 0.99
    both = np.stack([own, own])
    np.testing.assert_allclose(correlation(both, both), 1, atol=0.002)


def test_a_flat_image_resembles_nothing() -> None:
    assert not signature(np.full((50, 40, 3), 200, np.uint8)).any()
