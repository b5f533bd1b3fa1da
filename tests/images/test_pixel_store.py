from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tellapart.atomic_files import read_sealed
from tellapart.errors import StorageError
from tellapart.images import pixel_store
from tellapart.images.pixel_store import PixelStore
from tests.memory import PEAK_MEMORY

SIZE = 6


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def some(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> PixelStore:
    """Three segments of four squares: ids a0 ... a3, b0 ... b3, c0 ... c3."""
    store = PixelStore(tmp_path / "pixels", SIZE, "crop")
    for seed, name in enumerate("abc"):
        store.write([f"{name}{i}" for i in range(4)], some(4, seed))
    return store


def test_squares_come_back_in_the_order_asked_for(store: PixelStore) -> None:
    everything = {f"{name}{i}": square for seed, name in enumerate("abc") for i, square in enumerate(some(4, seed))}
    assert store.image_ids() == everything.keys()
    names = ["c3", "a0", "b2", "a3"]
    with store.open(names) as pixels:
        assert len(pixels) == 4
        taken = pixels.take(np.array([2, 0, 0, 3, 1]))
        assert np.array_equal(taken, np.stack([everything[names[i]] for i in (2, 0, 0, 3, 1)]))
        assert pixels.take(np.array([], dtype=np.int64)).shape == (0, SIZE, SIZE, 3)


def test_copies_of_one_image_are_one_square(store: PixelStore) -> None:
    with store.open(["a1", "a1", "b0", "a1"]) as pixels:
        taken = pixels.take(np.arange(4))
    assert np.array_equal(taken, np.stack([some(4, seed)[row] for seed, row in ((0, 1), (0, 1), (1, 0), (0, 1))]))


def test_sizes_and_policies_do_not_mix(store: PixelStore) -> None:
    assert PixelStore(store.root, SIZE, "pad").image_ids() == set()
    assert PixelStore(store.root, SIZE + 1, "crop").image_ids() == set()


def test_nothing_is_written_for_no_images(tmp_path: Path) -> None:
    store = PixelStore(tmp_path / "pixels", SIZE, "crop")
    store.write([], some(0))
    assert not store.folder.exists()
    assert len(store.open([])) == 0


@pytest.mark.parametrize("kind", ["cut", "longer", "no pixels", "no manifest", "manifest cut", "no list", "empty manifest"])
def test_a_damaged_segment_is_passed_over_and_written_again(store: PixelStore, kind: str) -> None:
    manifest = next(path for path in store.folder.glob("*.json") if "b0" in path.read_text())
    data = manifest.with_suffix(".pixels")
    text = manifest.read_text()
    if kind == "cut":
        os.truncate(data, data.stat().st_size - 1)
    elif kind == "longer":
        data.write_bytes(data.read_bytes() + b"x")
    elif kind == "no pixels":
        data.unlink()
    elif kind == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text({"manifest cut": text[:-4], "no list": "7", "empty manifest": ""}[kind])
    assert store.image_ids() == {f"{name}{i}" for name in "ac" for i in range(4)}
    with pytest.raises(StorageError, match="1 image is missing") as caught:
        store.open(["a0", "b0"])
    assert caught.value.hint == "run the same command again"
    store.write(["b0"], some(4, 1)[:1])
    with store.open(["b0"]) as pixels:
        assert np.array_equal(pixels.take(np.array([0])), some(4, 1)[:1])


def test_a_file_cut_while_it_is_read_is_a_clear_error(store: PixelStore) -> None:
    with store.open(["a0", "a3"]) as pixels:
        for path in store.folder.glob("*.pixels"):
            os.truncate(path, store.square_bytes + 5)
        pixels.take(np.array([0]))
        with pytest.raises(StorageError, match="truncated"):
            pixels.take(np.array([0, 1]))


@pytest.mark.parametrize("at", ["pixels", "json"])
def test_an_interruption_while_writing_leaves_nothing_half(store: PixelStore, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.replace

    def replace(source: Path, target: Path) -> None:
        if str(target).endswith(at):
            raise KeyboardInterrupt
        original(source, target)

    before = store.image_ids()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            store.write(["d0"], some(1))
    assert store.image_ids() == before
    assert not list(store.folder.glob(".*"))


def test_many_segments_do_not_use_up_the_files_a_process_may_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PixelStore(tmp_path / "pixels", SIZE, "crop")
    wanted = some(40)
    for i, square in enumerate(wanted):
        store.write([f"{i:03}"], square[None])
    monkeypatch.setattr(pixel_store, "MAX_OPEN_FILES", 8)
    before = open_files()
    with store.open(store_ids := [f"{i:03}" for i in range(40)]) as pixels:
        assert open_files() == before + 8
        assert np.array_equal(pixels.take(np.arange(len(store_ids))), wanted)
    assert open_files() == before


def test_threads_read_side_by_side(store: PixelStore) -> None:
    names = sorted(store.image_ids())
    with store.open(names) as pixels, ThreadPoolExecutor(8) as pool:
        wanted = pixels.take(np.arange(12))
        orders = [np.random.default_rng(i).permutation(12) for i in range(200)]
        for order, found in zip(orders, pool.map(pixels.take, orders), strict=True):
            assert np.array_equal(found, wanted[order])


MEMORY = (
    f"{PEAK_MEMORY}\n"
    + """
import json, sys
from pathlib import Path
import numpy as np
from tellapart.images.pixel_store import PixelStore
store = PixelStore(Path(sys.argv[1]), 256, "crop")
n = int(sys.argv[2])
names = [f"{i:04}" for i in range(n)]
square = np.zeros((20, 256, 256, 3), np.uint8)
for start in range(0, n, 20):
    store.write(names[start:start + 20], square)
with store.open(names) as pixels:
    for start in range(0, n, 20):
        pixels.take(np.arange(start, start + 20))
print(peak_memory())
"""
)


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    peaks = []
    for n in (40, 400):
        command = [sys.executable, "-c", MEMORY, str(tmp_path / str(n)), str(n)]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    assert sum(path.stat().st_size for path in (tmp_path / "400").rglob("*.pixels")) == 400 * 3 * 256 * 256
    assert peaks[1] - peaks[0] < 10 * 2**20, "360 more squares are 71 MB"


def test_a_full_disk_leaves_the_store_as_it_was(small_disk: Path) -> None:
    store = PixelStore(small_disk / "pixels", 256, "crop")
    store.write(["a"], np.zeros((1, 256, 256, 3), np.uint8))
    with pytest.raises(StorageError, match="no space left"):
        store.write([f"{i}" for i in range(40)], np.ones((40, 256, 256, 3), np.uint8))
    assert store.image_ids() == {"a"}
    assert not list(store.folder.glob(".*"))
    assert read_sealed(next(store.folder.glob("*.json")))["image_ids"] == ["a"]
