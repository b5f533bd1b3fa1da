from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from tellapart import large_arrays
from tellapart.errors import StorageError
from tellapart.large_arrays import concatenate_rows, empty_rows, release, row_blocks, row_moments, standard_scale, take_rows


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Arrays of more than nothing lie on disk, and a block has 64 bytes."""
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    monkeypatch.setattr(large_arrays, "IN_MEMORY", 0)
    monkeypatch.setattr(large_arrays, "BLOCK_BYTES", 64)
    return tmp_path


def test_small_arrays_are_in_memory_and_one_block(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    values = empty_rows((5, 3))
    assert not isinstance(values, np.memmap)
    assert list(row_blocks(values)) == [slice(0, 5)]
    assert list(tmp_path.iterdir()) == []


def test_large_arrays_keep_their_values_and_leave_no_file(on_disk: Path) -> None:
    values = empty_rows((100, 4))
    assert isinstance(values, np.memmap)
    wanted = np.arange(400, dtype=np.float32).reshape(100, 4)
    for block in row_blocks(values):
        values[block] = wanted[block]
    release(values[3:7, 1:])
    assert np.array_equal(values, wanted)
    assert [path for path in on_disk.rglob("*") if path.is_file()] == []


def test_blocks_cover_every_row_once(on_disk: Path) -> None:
    values = np.zeros((10, 4), np.float32)
    assert [(block.start, block.stop) for block in row_blocks(values)] == [(0, 4), (4, 8), (8, 10)]
    assert [block.stop - block.start for block in row_blocks(values, width=200)] == [1] * 10
    assert list(row_blocks(values[:0])) == []


def test_rows_are_taken_and_joined_as_by_numpy(on_disk: Path) -> None:
    values = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    rows = np.array([7, 3, 3, 49, 0])
    assert np.array_equal(take_rows(values, rows), values[rows])
    assert np.array_equal(concatenate_rows([values, values[:4], values[:0]]), np.concatenate([values, values[:4]]))


def test_moments_of_blocks_are_those_of_the_whole(on_disk: Path) -> None:
    values = np.random.default_rng(0).normal(3, 2, (500, 3)).astype(np.float32)
    mean, spread = row_moments(values)
    np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(spread, values.std(axis=0), rtol=1e-5)
    assert mean.dtype == spread.dtype == np.float32


def test_a_nearly_constant_column_is_not_scaled() -> None:
    values = np.random.default_rng(0).standard_normal((200, 4)).astype(np.float32) * np.float32([1, 2, 1e-5, 0]) + 3
    mean, scale = standard_scale(values)
    spread = values.std(axis=0)
    assert np.array_equal(mean, values.mean(axis=0)) and np.array_equal(scale[:2], spread[:2])
    assert scale[2:].tolist() == [1, 1]


def test_columns_that_never_change_are_divided_by_one() -> None:
    alike = np.full((5, 3), 0.1, np.float32) + np.float32([[0], [1e-8], [0], [0], [0]])
    assert standard_scale(alike)[1].tolist() == [1, 1, 1]
    assert standard_scale(np.empty((2, 0), np.float32))[1].shape == (0,)


def test_a_disk_without_room_is_said_before_anything_is_written(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageError, match="no space left"):
        empty_rows((1000, 1000))


def test_a_file_system_that_cannot_reserve_gets_zeros(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    values = empty_rows((300, 1000))
    assert values.shape == (300, 1000)
    assert not values.any()
