from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.dataset_export.growing_npy import HEADER, ArrayFile


@pytest.mark.parametrize(("shape", "dtype"), [((3, 50, 50), np.uint8), ((4, 4, 3), np.float32), ((), np.int64)])
def test_numpy_reads_what_grew(tmp_path: Path, shape: tuple[int, ...], dtype: type) -> None:
    rows = np.random.default_rng(0).integers(0, 100, (7, *shape)).astype(dtype)
    file = ArrayFile(tmp_path / "a.npy", shape, dtype)
    for row in rows:
        file.add(row)
    file.finish()
    found = np.load(tmp_path / "a.npy", mmap_mode="r", allow_pickle=False)
    assert found.dtype == dtype
    assert np.array_equal(found, rows)
    assert isinstance(found, np.memmap)


def test_a_file_without_its_header_is_no_array(tmp_path: Path) -> None:
    file = ArrayFile(tmp_path / "a.npy", (2,), np.uint8)
    file.add(np.array([1, 2], np.uint8))
    file.sync()
    with pytest.raises(ValueError, match=r"pickle|magic"):
        np.load(tmp_path / "a.npy")
    file.close()


def test_what_was_not_safe_is_written_again(tmp_path: Path) -> None:
    file = ArrayFile(tmp_path / "a.npy", (2,), np.uint8)
    for number in range(5):
        file.add(np.array([number, number]))
    file.sync()
    file.close()
    with (tmp_path / "a.npy").open("ab") as torn:
        torn.write(b"\x09")
    again = ArrayFile(tmp_path / "a.npy", (2,), np.uint8, rows=3)
    again.add(np.array([7, 8]))
    again.finish()
    assert np.load(tmp_path / "a.npy").tolist() == [[0, 0], [1, 1], [2, 2], [7, 8]]
    assert (tmp_path / "a.npy").stat().st_size == HEADER + 8
