from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tellapart.atomic_files import read_sealed, write_sealed
from tellapart.errors import StorageError
from tellapart.features import FeatureCache
from tellapart.features.cache import MERGE_AT

IDS = [f"id{i}" for i in range(5)]


def vectors(n: int = 5, width: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path, "lite0-abc", 7)


def test_vectors_are_read_back_bit_for_bit(cache: FeatureCache) -> None:
    values = vectors()
    cache.write(IDS, values)
    found = read(cache, IDS)
    assert cache.image_ids() == set(IDS)
    assert all(np.array_equal(found[i], values[row]) for row, i in enumerate(IDS))
    assert read(cache, ["unknown"]) == {}


def test_an_empty_cache_holds_nothing_and_writing_nothing_makes_nothing(cache: FeatureCache, tmp_path: Path) -> None:
    cache.write([], vectors(0))
    assert cache.image_ids() == set()
    assert list(tmp_path.iterdir()) == []


def test_fingerprints_do_not_mix(tmp_path: Path) -> None:
    FeatureCache(tmp_path, "a", 7).write(IDS, vectors())
    assert FeatureCache(tmp_path, "b", 7).image_ids() == set()


def read(cache: FeatureCache, ids: Sequence[str]) -> dict[str, np.ndarray]:
    """The vectors that the cache has of these images, by id."""
    values = np.full((len(ids), cache.width), np.nan, np.float32)
    is_found = cache.read_into(ids, values)
    return {image_id: values[row] for row, image_id in enumerate(ids) if is_found[row]}


def one(folder: Path, suffix: str) -> Path:
    return next(folder.glob(f"*{suffix}"))


DAMAGES = {
    "cut": lambda folder: one(folder, ".npy").write_bytes(one(folder, ".npy").read_bytes()[:-9]),
    "empty": lambda folder: one(folder, ".npy").write_bytes(b""),
    "absent": lambda folder: one(folder, ".npy").unlink(),
    "flipped": lambda folder: flip(one(folder, ".npy"), -3),
    "header": lambda folder: flip(one(folder, ".npy"), 12),
    "pickle": lambda folder: np.save(one(folder, ".npy"), np.array([{}] * 5), allow_pickle=True),
    "no manifest": lambda folder: one(folder, ".json").unlink(),
    "manifest cut": lambda folder: one(folder, ".json").write_text('{"crc32": 12, "ima'),
    "manifest of another kind": lambda folder: one(folder, ".json").write_text("[1, 2]"),
    "manifest not utf-8": lambda folder: one(folder, ".json").write_bytes(b"\xff\xfe\x00"),
    "manifest flipped": lambda folder: flip(one(folder, ".json"), 40),
    "a name too many": lambda folder: add_name(one(folder, ".json")),
}


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x55
    path.write_bytes(data)


def add_name(path: Path) -> None:
    content = read_sealed(path)
    write_sealed(path, {**content, "image_ids": [*content["image_ids"], "more"]})


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_segment_is_passed_over_and_the_others_stay(cache: FeatureCache, kind: str) -> None:
    cache.write(IDS, vectors())
    DAMAGES[kind](cache.folder)
    cache.write(["other"], vectors(1, seed=1))
    assert set(read(cache, [*IDS, "other", "more"])) == {"other"}
    cache.write(IDS, vectors())
    assert set(read(cache, [*IDS, "other"])) == {*IDS, "other"}, "it can be computed and written again"


def test_a_half_written_segment_is_not_taken_for_one(cache: FeatureCache) -> None:
    cache.write(IDS, vectors())
    for path in list(cache.folder.iterdir()):
        path.rename(path.with_name(f".{path.name}.123.partial"))
    assert cache.image_ids() == set()
    assert read(cache, IDS) == {}


def test_many_segments_become_one_and_lose_nothing(cache: FeatureCache) -> None:
    values = vectors(MERGE_AT)
    ids = [f"id{i}" for i in range(MERGE_AT)]
    for row, image_id in enumerate(ids):
        cache.write([image_id], values[row : row + 1])
    flip(one(cache.folder, ".npy"), -1)
    first = read(cache, ids)
    assert len(list(cache.folder.glob("*.npy"))) == len(list(cache.folder.glob("*.json"))) == 1
    second = read(cache, ids)
    assert set(first) == set(second)
    assert len(second) == MERGE_AT - 1
    assert all(np.array_equal(second[i], values[int(i[2:])]) for i in second)


@pytest.mark.parametrize("when", ["vectors", "manifest"])
def test_a_full_disk_leaves_the_cache_as_it_was(cache: FeatureCache, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    cache.write(IDS, vectors())
    before = sorted(cache.folder.iterdir())

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((np.lib.format, "write_array_header_1_0", full) if when == "vectors" else (Path, "write_text", full)))
    with pytest.raises(StorageError, match="no space left"):
        cache.write(["new"], vectors(1))
    monkeypatch.undo()
    assert cache.image_ids() == set(IDS)
    assert len(set(cache.folder.iterdir()) - set(before)) == (0 if when == "vectors" else 1), "at most vectors without a manifest"


def test_a_real_full_disk_leaves_what_was_finished(small_disk: Path) -> None:
    cache = FeatureCache(small_disk, "x", 1000)
    cache.write(IDS, vectors(5, 1000))
    with pytest.raises(StorageError, match="no space left"):
        cache.write([f"new{i}" for i in range(2000)], vectors(2000, 1000))
    assert cache.image_ids() == set(IDS)
    assert set(read(cache, IDS)) == set(IDS)


def test_a_read_only_place_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match="/proc"):
        FeatureCache(Path("/proc/self"), "x", 7).write(IDS, vectors())
