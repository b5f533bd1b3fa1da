from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tellapart.cropping.detection import Detection, detect
from tests import sample_images


class Counter:
    """Finds a face of odd numbers on every photo, and counts them."""

    side, policy = 32, "pad"

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.looked = 0

    def __call__(self, squares: np.ndarray, sizes: Sequence[tuple[int, int]]) -> list[Detection]:
        self.looked += len(squares)
        rng = np.random.default_rng(int(squares.sum()))
        return [
            Detection(width, height, rng.random((2, 4)), rng.random((2, 2, 2)), rng.random((2, 5)).astype(np.float32), 1)
            for width, height in sizes
        ]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    found = [tmp_path / "1.jpg", tmp_path / "2.jpg", tmp_path / "bad.jpg"]
    for seed, file in enumerate(found):
        file.write_bytes(sample_images.photo(seed) if seed < 2 else b"")
    return found


def hashes(files: list[Path]) -> list[str]:
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def test_a_photo_that_was_replaced_is_not_remembered_as_the_old_one(files: list[Path]) -> None:
    ids, old = hashes(files[:2]), files[0].read_bytes()
    files[0].write_bytes(sample_images.photo(7))
    assert detect(files[:2], ids, Counter("a"))[0] == "it was changed while it was being read; run the command again"
    files[0].write_bytes(old)
    assert isinstance(detect(files[:2], ids, Counter("a"))[0], Detection)


def test_a_photo_is_looked_at_once_by_each_network(files: list[Path]) -> None:
    first, again, other = Counter("a"), Counter("a"), Counter("b")
    ids = hashes(files)
    before, after = detect(files, ids, first), detect(files[::-1], ids[::-1], again)[::-1]
    assert (first.looked, again.looked) == (2, 0)
    assert isinstance(before[2], str)
    assert before[2] == after[2]
    for one, same in zip(before[:2], after[:2], strict=True):
        assert isinstance(one, Detection)
        assert isinstance(same, Detection)
        assert (one.width, one.height, one.main) == (same.width, same.height, same.main)
        for name in ("boxes", "eyes", "descriptors"):
            assert getattr(one, name).dtype == getattr(same, name).dtype
            assert np.array_equal(getattr(one, name), getattr(same, name))
    detect(files, ids, other)
    assert other.looked == 2


def test_nothing_found_is_remembered_too() -> None:
    bare = Detection(3, 4, np.zeros((0, 4)), np.zeros((0, 2, 2)), np.zeros((0, 9), np.float32))
    same = Detection.from_bytes(bare.to_bytes())
    assert same.boxes.shape == (0, 4)
    assert same.eyes is not None
    assert same.eyes.shape == (0, 2, 2)
    assert same.descriptors is not None
    assert len(same.descriptors) == 0
