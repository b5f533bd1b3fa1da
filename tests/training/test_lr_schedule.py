from __future__ import annotations

import pytest

from tellapart.training.lr_schedule import START, WARM_UP, one_cycle


@pytest.mark.parametrize("steps", [4, 10, 100, 997])
def test_the_rate_starts_low_peaks_once_and_ends_near_nothing(steps: int) -> None:
    rates = [one_cycle(step, steps) for step in range(steps)]
    top = rates.index(max(rates))
    assert rates[0] == pytest.approx(START)
    assert 0.85 < rates[top] <= 1
    assert abs(top - WARM_UP * steps) <= 1
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 0.4
    assert steps < 100 or rates[-1] < 0.001


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_few_steps_have_a_rate_too(steps: int) -> None:
    assert all(0 < one_cycle(step, steps) <= 1 for step in range(steps))
