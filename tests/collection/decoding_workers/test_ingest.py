from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tellapart.collection.decoding_workers.ingest import NOTHING_FOUND, ingest_image, is_large
from tellapart.images import decode, difference_hashes, signature
from tests import sample_images
from tests.collection.decoding_workers import crop_hooks


def bits_between(first: bytes, second: bytes) -> int:
    return int(np.bitwise_count(np.frombuffer(first, np.uint8) ^ np.frombuffer(second, np.uint8)).sum())


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_good_image_is_described_and_kept_as_it_is(name: str) -> None:
    body = sample_images.photo(3, 640, 480, name=name)
    found = ingest_image(body)
    pixels = decode(body).pixels
    assert (found.reason, found.format, found.width, found.height, found.body) == (None, name, 640, 480, None)
    plain, mirrored = difference_hashes(pixels)
    assert bits_between(found.hash, plain) <= 6
    assert bits_between(found.mirror_hash, mirrored) <= 6
    own = np.frombuffer(found.signature, np.float16).astype(np.float32)
    assert own @ signature(pixels).astype(np.float32) > 0.995


@pytest.mark.parametrize("name", sample_images.bad_files())
@pytest.mark.parametrize("side", [None, 100])
def test_what_is_no_image_comes_with_its_reason(name: str, side: int | None) -> None:
    body, reason = sample_images.bad_files()[name]
    found = ingest_image(body, side=side)
    assert found.reason is not None
    assert found.reason.startswith(reason)
    assert (found.hash, found.body) == (b"", None)


@pytest.mark.parametrize(
    ("name", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {"compress_level": 1}), ("WEBP", {"method": 0})]
)
def test_a_file_cut_off_is_found_although_it_is_decoded_small(name: str, options: dict[str, Any]) -> None:
    body = sample_images.photo(4, 1200, 900, name=name, **options)
    assert ingest_image(body).reason is None
    for share in (0.2, 0.6, 0.9, 0.98):
        assert str(ingest_image(sample_images.cut(body, share)).reason).startswith("cut off")


def test_a_image_too_large_is_made_smaller_and_a_small_one_is_not_touched() -> None:
    body = sample_images.photo(5, 1000, 700)
    found = ingest_image(body, side=250)
    assert (found.format, found.width, found.height) == ("JPEG", 250, 175)
    assert found.body is not None
    kept = decode(found.body)
    assert (kept.width, kept.height) == (250, 175)
    expected = np.asarray(Image.fromarray(decode(body).pixels).resize((250, 175), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(kept.pixels.astype(int) - expected).mean() < 4
    assert ingest_image(body, side=1000).body is None
    assert ingest_image(body, side=999).width == 999
    assert bits_between(found.hash, ingest_image(body).hash) <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_made_smaller_is_upright_and_has_no_tag(orientation: int) -> None:
    found = ingest_image(sample_images.oriented_photo(orientation, seed=2), side=100)
    assert found.body is not None
    with Image.open(BytesIO(found.body)) as image:
        assert not image.getexif()
        assert image.size == (found.width, found.height) == (100, 75)
        expected = np.asarray(Image.fromarray(sample_images.photo_pixels(2)).resize((100, 75), Image.Resampling.BICUBIC)).astype(int)
        assert np.abs(np.asarray(image).astype(int) - expected).mean() < 4


def test_what_is_made_smaller_is_in_srgb() -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[..., 0] = 250
    body = ingest_image(sample_images.encoded(pixels, icc_profile=sample_images.swapped_profile(), quality=95), side=50).body
    assert body is not None
    red, _, blue = decode(body).pixels.mean(axis=(0, 1))
    assert blue > red + 100


def test_a_very_long_image_keeps_at_least_one_pixel() -> None:
    found = ingest_image(sample_images.encoded(sample_images.photo_pixels(1, 3000, 2), "PNG"), side=50)
    assert (found.width, found.height) == (50, 1)


def test_a_tiny_kept_image_is_still_recognized_by_its_large_self() -> None:
    body = sample_images.photo(6, 900, 600)
    assert bits_between(ingest_image(body, side=32).hash, ingest_image(body).hash) <= 8


def test_the_crop_hook_says_what_to_keep() -> None:
    body = sample_images.photo(7, 400, 300)
    found = ingest_image(body, hook=crop_hooks.middle)
    assert (found.format, found.width, found.height) == ("JPEG", 200, 150)
    assert found.body is not None
    expected = decode(body).pixels[75:225, 100:300].astype(int)
    assert np.abs(decode(found.body).pixels.astype(int) - expected).mean() < 4
    assert ingest_image(body, hook=crop_hooks.middle, side=100).width == 100
    whole = ingest_image(body, hook=crop_hooks.everything)
    assert (whole.width, whole.height, whole.body) == (400, 300, None)


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (crop_hooks.nothing, NOTHING_FOUND),
        (crop_hooks.fails, "the crop hook failed: RuntimeError: no model"),
        (crop_hooks.writes, "the crop hook failed: ValueError"),
        (crop_hooks.nonsense, "the crop hook gave 'left', not a box"),
        (crop_hooks.empty, "the crop hook gave an empty box"),
    ],
)
def test_a_crop_hook_that_goes_wrong_is_a_reason(hook: object, reason: str) -> None:
    found = ingest_image(sample_images.photo(8), hook=hook)  # type: ignore[arg-type]
    assert str(found.reason).startswith(reason)


def test_what_takes_much_memory_is_known_from_the_header() -> None:
    blank = Image.new("RGB", (4000, 3000))
    photo, progressive = sample_images.encoded(blank), sample_images.encoded(blank, progressive=True)
    assert not is_large(photo), "read at an eighth"
    assert is_large(photo, is_cropped=True)
    assert is_large(photo, side=3000)
    assert is_large(progressive), "its coefficients are kept whole"
    assert is_large(sample_images.encoded(blank, "PNG"))
    assert is_large(sample_images.huge_bilevel_png(9000, 9000))
    assert not is_large(sample_images.photo(1))
    assert not is_large(b"")
    assert not is_large(sample_images.HTML)


def test_only_light_packages_are_loaded() -> None:
    code = "import sys, tellapart.collection.decoding_workers.worker; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "torch",
        "torchvision",
        "pandas",
        "pyarrow",
        "sklearn",
        "scipy",
        "cv2",
        "aiohttp",
        "obstore",
        "selectolax",
        "asyncio",
        "sqlite3",
    }
    assert not heavy & set(run.stdout.split())
