from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tellapart.array_types import FloatArray
from tellapart.collection.decoding_workers.ingest import ingest_image
from tellapart.collection.decoding_workers.ipc import DecodeResult
from tellapart.collection.duplicate_index import DuplicateIndex
from tests import sample_images

PHOTOS = [sample_images.photo_pixels(seed, 320, 240) for seed in range(80)]


class Shelf:
    """Known images with their signatures in a dictionary, as the ledger has them in a table."""

    def __init__(self) -> None:
        self.signatures: dict[str, bytes] = {}
        self.asked = 0
        self.known = DuplicateIndex(self.fetched)

    def fetched(self, names: Sequence[str]) -> FloatArray:
        self.asked += len(names)
        return np.stack([np.frombuffer(self.signatures[name], np.float16) for name in names])

    def put(self, name: str, found: DecodeResult) -> None:
        self.signatures[name] = found.signature
        self.known.add(name, found.hash)

    def twin(self, found: DecodeResult) -> str | None:
        return self.known.twin(found.hash, found.mirror_hash, found.signature)


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    shelf = Shelf()
    for number, pixels in enumerate(PHOTOS):
        shelf.put(str(number), ingest_image(sample_images.encoded(pixels, quality=92)))
    return shelf


def cropped(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    return image.crop((round(width * share), round(height * share), round(width * (1 - share)), round(height * (1 - share))))


CHANGES = {
    "saved at 30": lambda image: sample_images.encoded(image, quality=30),
    "half": lambda image: sample_images.encoded(image.resize((160, 120))),
    "larger, as WebP": lambda image: sample_images.encoded(image.resize((400, 300)), "WEBP", method=0),
    "squashed": lambda image: sample_images.encoded(image.resize((200, 200))),
    "cropped": lambda image: sample_images.encoded(cropped(image, 0.02)),
    "mirrored": lambda image: sample_images.encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), quality=60),
    "brighter": lambda image: sample_images.encoded(ImageEnhance.Brightness(image).enhance(1.15)),
    "darker": lambda image: sample_images.encoded(ImageEnhance.Brightness(image).enhance(0.8)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_recognized(change: str, shelf: Shelf) -> None:
    found = [shelf.twin(ingest_image(CHANGES[change](Image.fromarray(pixels)))) for pixels in PHOTOS]
    wrong = {number: name for number, name in enumerate(found) if name not in (None, str(number))}
    assert wrong == {}
    assert sum(name is not None for name in found) >= 0.95 * len(PHOTOS)


def test_other_photos_are_not_taken_for_copies(shelf: Shelf) -> None:
    asked = shelf.asked
    others = [ingest_image(sample_images.photo(seed, 320, 240)) for seed in range(1000, 1080)]
    assert [shelf.twin(found) for found in others] == [None] * 80
    assert shelf.asked - asked < 80, "signatures are asked for only where the hash is near"


def shirt(seed: int, quality: int = 90) -> bytes:
    """Something pale on one dark floor; only its print differs."""
    rng = np.random.default_rng(seed)
    pixels = np.full((240, 240, 3), (90, 30, 40), np.uint8)
    pixels[40:220, 60:180] = 225
    pixels[50:90, 30:210] = 225
    top, left = rng.integers(90, 150), rng.integers(70, 120)
    pixels[top : top + 45, left : left + 50] = rng.integers(0, 255, 3)
    return sample_images.encoded(pixels, quality=quality)


def test_different_things_on_one_background_stay_apart() -> None:
    shelf = Shelf()
    for seed in range(80):
        shelf.put(str(seed), ingest_image(shirt(seed)))
    newcomers = [shelf.twin(ingest_image(shirt(seed))) for seed in range(100, 140)]
    assert sum(name is not None for name in newcomers) <= 2
    again = [shelf.twin(ingest_image(shirt(seed, quality=40))) for seed in range(40)]
    assert sum(name == str(seed) for seed, name in enumerate(again)) >= 36


def test_flat_images_are_never_twins() -> None:
    shelf = Shelf()
    for gray in (0, 100, 255):
        found = ingest_image(sample_images.encoded(np.full((64, 64, 3), gray, np.uint8), "PNG"))
        assert shelf.twin(found) is None
        shelf.put(str(gray), found)


def test_the_shelf_grows_and_is_filled_again_at_once() -> None:
    first, second = Shelf(), Shelf()
    found = [ingest_image(sample_images.photo(seed, 64, 48)) for seed in range(30)]
    copies = [(f"{round}-{seed}", looked) for round in range(100) for seed, looked in enumerate(found)]
    for name, looked in copies:
        first.put(name, looked)
        second.signatures[name] = looked.signature
    second.known.extend((name, looked.hash) for name, looked in copies)
    second.known.extend([("without a hash", b""), ("half a hash", b"12345678")])
    assert len(first.known) == len(second.known) == 3000
    for looked in found:
        assert first.twin(looked) == second.twin(looked) is not None
    assert Shelf().twin(found[0]) is None
