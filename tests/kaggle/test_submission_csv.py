from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.calibration import apply
from tellapart.errors import ModelError
from tellapart.kaggle.columns import Columns
from tellapart.kaggle.sample_csv import Sample
from tellapart.kaggle.submission_csv import check_probabilities, floor_probabilities, submission_cells, write_submission


@given(st.integers(2, 40), st.integers(0, 2**32 - 1), st.floats(0, 0.98), st.floats(0.01, 60))
def test_no_probability_is_below_the_lowest_and_rows_still_sum_to_1(k: int, seed: int, share: float, spread: float) -> None:
    lowest = share / k
    p = apply(np.random.default_rng(seed).normal(size=(20, k)) * spread)
    found = floor_probabilities(p, lowest)
    check_probabilities(found, 20, lowest)
    assert found.min() >= lowest
    assert found.max() <= 1 - (k - 1) * lowest + 1e-12
    assert (np.diff(found[np.arange(20)[:, None], p.argsort(axis=1)], axis=1) >= -1e-12).all(), "the order of the classes is kept"


def test_what_is_high_enough_stays_as_it_was() -> None:
    p = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    assert floor_probabilities(p, 0.1) == pytest.approx(p, abs=1e-15)
    assert floor_probabilities(np.array([[0.0, 1.0]]), 0.02).tolist() == [[0.02, 0.98]]
    assert floor_probabilities(np.array([[0.001, 0.1, 0.899]]), 0.1) == pytest.approx(np.array([[0.1, 0.1, 0.8]]))


def test_a_clip_of_the_runs_own_kind_changes_nothing() -> None:
    p = apply(np.random.default_rng(0).normal(size=(50, 3)) * 9, clip=0.01)
    assert floor_probabilities(p, 0.01 / 1.02) == pytest.approx(p, abs=1e-15)


@pytest.mark.parametrize(
    ("probabilities", "said"),
    [
        ([[0.5, 0.5]], "is 1 row for 2 ids"),
        ([[0.5, 0.5], [np.nan, 0.5]], "1 of 2 rows hold something that is no number"),
        ([[0.5, 0.5], [np.inf, 0.5]], "1 of 2 rows hold"),
        ([[0.5, 0.5], [0.001, 0.999]], "outside 0.01 to 1 - 0.01"),
        ([[0.5, 0.5], [0.5, 0.6]], "do not add up"),
    ],
)
def test_the_check_finds_what_is_wrong(probabilities: list[list[float]], said: str) -> None:
    with pytest.raises(ModelError, match=f"nothing was written: .*{said}"):
        check_probabilities(np.array(probabilities), 2, 0.01)


def test_cells_hold_the_probabilities_in_full_or_the_name() -> None:
    p = np.array([[0.1, 1 / 3, 1 - 0.1 - 1 / 3], [0.7, 0.2, 0.1]])
    assert [[float(x) for x in row] for row in submission_cells(p, Columns(classes=(2, 0)))] == p[:, [2, 0]].tolist()
    assert submission_cells(p, Columns(spelling=("A", "B", "C"))) == [("C",), ("A",)]


def test_the_file_has_the_samples_header_ids_and_order(tmp_path: Path) -> None:
    sample = Sample(Path("s.csv"), ("a", "Id", "b c"), (("", "007", ""), ("", 'x, "山"', "")), 1)
    write_submission(sample, [("0.5", "0.25"), ("1", "2")], tmp_path / "deep/out.csv")
    assert (tmp_path / "deep/out.csv").read_bytes() == 'a,Id,b c\n0.5,007,0.25\n1,"x, ""山""",2\n'.encode()
