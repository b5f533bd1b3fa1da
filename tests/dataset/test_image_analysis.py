from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.dataset.image_analysis import SMALLEST_LOOK, analyze_image, thumbnail_of
from tellapart.errors import ImageError
from tellapart.images import decode, difference_hash, resize
from tests import sample_images
from tests.memory import PEAK_MEMORY

NOISE = np.random.default_rng(0).integers(0, 256, (940, 960, 3), dtype=np.uint8)


def test_one_look_takes_everything_from_the_image() -> None:
    data = sample_images.photo(1, 640, 480)
    look = analyze_image(data, "the id", (64, 224), "crop")
    assert (look.facts.image_id, look.facts.width, look.facts.height, look.facts.format) == ("the id", 640, 480, "JPEG")
    assert [p.shape for p in look.pixels] == [(64, 64, 3), (224, 224, 3)]
    small = decode(look.thumbnail).pixels
    assert max(small.shape) == SMALLEST_LOOK
    assert np.bitwise_count(np.frombuffer(look.facts.hash, np.uint8) ^ np.frombuffer(difference_hash(small), np.uint8)).sum() <= 6
    assert all(np.isfinite([look.facts.brightness, look.facts.contrast, look.facts.sharpness]))


@pytest.mark.parametrize("policy", ["crop", "pad", "squash"])
def test_the_pixels_are_those_of_the_policy(policy: str) -> None:
    data = sample_images.photo(2, 300, 200, name="PNG")
    assert np.array_equal(
        analyze_image(data, "x", (64,), policy).pixels[0], resize(decode(data, min_size=SMALLEST_LOOK).pixels, 64, policy)
    )


def test_a_turned_image_is_described_upright() -> None:
    facts = analyze_image(sample_images.oriented_photo(6, 3), "x", (), "crop").facts
    assert (facts.width, facts.height) == (200, 150)


def test_the_mirror_hash_is_the_hash_of_the_mirror_image() -> None:
    pixels = sample_images.photo_pixels(4)
    here = analyze_image(sample_images.encoded(pixels, "PNG"), "x", (), "crop").facts
    there = analyze_image(sample_images.encoded(np.ascontiguousarray(pixels[:, ::-1]), "PNG"), "y", (), "crop").facts
    for own, other in ((here.hash, there.mirror_hash), (here.mirror_hash, there.hash)):
        assert np.bitwise_count(np.frombuffer(own, np.uint8) ^ np.frombuffer(other, np.uint8)).sum() <= 4


@pytest.mark.parametrize("name", sample_images.bad_files())
def test_what_is_no_image_has_its_reason(name: str) -> None:
    data, reason = sample_images.bad_files()[name]
    with pytest.raises(ImageError) as caught:
        analyze_image(data, "x", (224,), "crop")
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_a_square_is_the_same_whatever_other_sizes_are_asked_for(name: str) -> None:
    data = sample_images.encoded(NOISE, name)
    together = analyze_image(data, "x", (224, 260, 224), ["crop", "crop", "pad"]).pixels
    alone = [analyze_image(data, "x", (size,), policy).pixels[0] for size, policy in ((224, "crop"), (260, "crop"), (224, "pad"))]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_facts_hashes_and_the_thumbnail_are_the_same_whatever_sizes_are_asked_for(name: str) -> None:
    data = sample_images.encoded(NOISE, name)
    assert len({decode(data, min_size=size).pixels.shape for size in (100, 224, 300)}) == 3, "else this test cannot fail"
    looks = [analyze_image(data, "x", sizes, "crop") for sizes in ((), (32,), (224,), (300,), (100, 400))]
    assert len({look.facts for look in looks}) == 1
    assert {look.thumbnail for look in looks} == {thumbnail_of(data)}


_THIN = """
from PIL import Image
from tellapart.dataset.image_analysis import analyze_image
from tests import sample_images

def looked_at(width, height, name):
    look = analyze_image(sample_images.encoded(Image.new("RGB", (width, height)), name), "x", (224, 512), policy)
    assert [square.shape[0] for square in look.pixels] == [224, 512]

for policy in ("crop", "pad", "squash"):
    looked_at(640, 480, "PNG")
before = peak_memory()
for policy in ("crop", "pad", "squash"):
    for width, height, name in ((20_000, 1, "PNG"), (1, 20_000, "PNG"), (65_000, 2, "JPEG"), (1, 16_000, "WEBP"), (60_000, 1, "GIF")):
        looked_at(width, height, name)
print((peak_memory() - before) / 1e6)
"""


def test_a_thin_image_takes_no_more_memory_than_an_ordinary_one() -> None:
    paths = [str(Path(__file__).parents[2]), str(Path(tellapart.__file__).parents[1])]
    code = f"import sys; sys.path[:0] = {paths!r}\n{PEAK_MEMORY}\n{_THIN}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 100
