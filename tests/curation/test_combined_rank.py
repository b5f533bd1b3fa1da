from __future__ import annotations

import numpy as np

from tellapart.curation.combined_rank import combined_ranks


def test_the_worst_by_both_comes_first_and_the_unmeasured_stay_so() -> None:
    one = np.array([0.1, 0.2, 0.9, 0.8, np.nan])
    other = np.array([0.1, 0.9, 0.2, 0.8, 0.0])
    found = combined_ranks(one, other)
    assert np.argsort(found[:4])[0] == 0
    assert np.argsort(found[:4])[-1] == 3
    assert found[1] == found[2]
    assert np.isnan(found[4])
    assert (found[:4] > 0).all()
    assert (found[:4] <= 1).all()


def test_nothing_measured_is_nothing_doubted() -> None:
    assert np.isnan(combined_ranks(np.full(3, np.nan), np.ones(3))).all()
