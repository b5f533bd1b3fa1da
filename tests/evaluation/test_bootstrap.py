from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.evaluation.bootstrap import bootstrap, group_index, group_sums, group_weights, percentile_interval, resampled_sums
from tellapart.interval import Interval


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40))
def test_group_sums_equal_a_loop(groups: list[str]) -> None:
    index, num_groups = group_index(groups)
    columns = np.arange(2.0 * len(groups)).reshape(-1, 2)
    expected = np.array([columns[[g == name for g in groups]].sum(axis=0) for name in dict.fromkeys(groups)])
    assert num_groups == len(set(groups))
    assert np.allclose(group_sums(columns, index, num_groups), expected)


def test_weights_draw_as_many_groups_as_there_are() -> None:
    blocks = list(group_weights(37, draws=150, seed=3))
    weights = np.concatenate(blocks)
    assert weights.shape == (150, 37)
    assert (weights.sum(axis=1) == 37).all()
    assert max(len(block) for block in blocks) <= 64
    assert weights.var() == pytest.approx(1 - 1 / 37, rel=0.1)


def test_weights_of_many_groups_come_in_small_blocks() -> None:
    block = next(iter(group_weights(100_000, draws=2000)))
    assert block.nbytes <= 16_000_000


@pytest.mark.parametrize("num_groups", [1, 7, 900])
def test_resampled_sums_equal_one_product(num_groups: int) -> None:
    sums = np.random.default_rng(1).normal(size=(num_groups, 3))
    weights = np.concatenate(list(group_weights(num_groups, draws=130, seed=5)))
    assert np.allclose(resampled_sums(sums, draws=130, seed=5), weights @ sums)


def test_bootstrap_of_a_mean_agrees_with_its_standard_error() -> None:
    values = np.random.default_rng(2).normal(3.0, 1.0, 400)
    found = bootstrap(lambda t: t[:, 0] / t[:, 1], np.stack([values, np.ones(400)], axis=1))
    error = values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.02)


def test_percentiles_leave_out_what_is_undefined_and_hold_the_value() -> None:
    assert percentile_interval(9.0, np.array([1.0, np.nan, 1.0])) == Interval(9.0, 1.0, 9.0)
    assert percentile_interval(2.0, np.array([np.nan])) == Interval(2.0, 2.0, 2.0)
