from __future__ import annotations

import numpy as np
import pytest

from tellapart import large_arrays
from tellapart.exploration import neighbors as module
from tellapart.exploration.neighbors import highest, neighbors
from tellapart.features.matrix import unit_rows
from tests.exploration.blobs import noise


@pytest.mark.parametrize("n", [5, 64, 700, 3001])
@pytest.mark.parametrize("k", [1, 10])
def test_neighbors_are_exactly_those_of_sorting_everything(n: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * n * 7)
    units = unit_rows(noise(n, 16))
    found = neighbors(units, units[:50], k, without=np.arange(min(50, n)))
    cosines = (units[:50] @ units.T).astype(np.float64)
    cosines[np.arange(len(cosines)), np.arange(len(cosines))] = -2
    expected = np.sort(cosines, axis=1)[:, ::-1][:, : min(k, n - 1)]
    assert found.indices.shape == (min(50, n), min(k, n - 1))
    assert np.allclose(np.take_along_axis(cosines, found.indices, axis=1), expected, atol=1e-6)
    assert np.allclose(found.similarities, expected, atol=1e-6)
    assert all(i not in row for i, row in enumerate(found.indices.tolist()))


def test_candidates_on_disk_are_read_block_by_block_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = noise(300, 16)
    expected = neighbors(unit_rows(values), unit_rows(values[:9]), 5)
    monkeypatch.setattr(large_arrays, "IN_MEMORY", 0)
    monkeypatch.setattr(large_arrays, "BLOCK_BYTES", 4 * 16 * 7)
    released = []
    monkeypatch.setattr(large_arrays, "release", lambda *arrays: released.extend(arrays))
    units = unit_rows(values)
    released.clear()
    found = neighbors(units, unit_rows(values[:9]), 5)
    assert sum(array is units for array in released) >= 300 // 7
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.similarities == pytest.approx(expected.similarities, abs=1e-6)


def test_the_first_of_equals_comes_first() -> None:
    values = np.zeros((2, 1000), np.float32)
    values[0, [900, 3]] = 1
    assert highest(values, 3).tolist() == [[3, 900, 0], [0, 1, 2]]


def test_a_question_from_outside_has_no_one_to_leave_out() -> None:
    units = unit_rows(noise(20, 8))
    found = neighbors(units, units[4:5], 3)
    assert found.indices[0, 0] == 4
    assert found.similarities[0, 0] == pytest.approx(1, abs=1e-6)


def test_few_candidates_give_few_answers() -> None:
    units = unit_rows(noise(1, 8))
    assert neighbors(units, units, 5, without=np.array([0])).indices.shape == (1, 0)
    assert neighbors(units[:0], units, 5).indices.shape == (1, 0)
    told: list[int] = []
    neighbors(units, units, 1, advance=told.append)
    assert told == [1]
