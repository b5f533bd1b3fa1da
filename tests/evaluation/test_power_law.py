from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.evaluation import fit_power_law

SIZES = [50, 100, 200, 400, 800]


def noisy(floor: float, scale: float, power: float, seeds: int, noise: float, seed: int = 0) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    return [list(np.maximum(0.0, floor + scale * n**-power + rng.normal(0, noise, seeds))) for n in SIZES]


def test_a_planted_curve_is_recovered() -> None:
    law = fit_power_law(SIZES, noisy(0.05, 2.0, 0.6, 20, 0.002))
    assert law.power == pytest.approx(0.6, abs=0.15)
    assert law.floor == pytest.approx(0.05, abs=0.02)
    assert law.error_at(1600) == pytest.approx(0.05 + 2.0 * 1600**-0.6, abs=0.006)


def test_the_interval_of_the_next_point_mostly_holds_it() -> None:
    truth = 0.02 + 1.5 * 1600**-0.5
    held = []
    for seed in range(40):
        found = fit_power_law(SIZES, noisy(0.02, 1.5, 0.5, 4, 0.008, seed), draws=200, seed=seed).predict_at(1600)
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.85


def test_the_gain_of_more_images_is_positive_and_consistent() -> None:
    law = fit_power_law(SIZES, noisy(0.02, 1.5, 0.5, 5, 0.005))
    gain = law.gain(800, 1600)
    assert gain.value == pytest.approx(law.error_at(800) - law.error_at(1600))
    assert 0 <= gain.low <= gain.value <= gain.high
    assert law.accuracy_at(1600).value == pytest.approx(1 - law.error_at(1600))
    assert law.as_dict().keys() == {"floor", "scale", "power"}


def test_no_errors_and_flat_curves() -> None:
    perfect = fit_power_law(SIZES, [[0.0, 0.0]] * 5)
    assert perfect.error_at(10_000) == pytest.approx(0.0, abs=1e-9)
    assert perfect.predict_at(10_000).high < 0.02
    flat = fit_power_law(SIZES, [[0.2, 0.2]] * 5)
    assert flat.error_at(1600) == pytest.approx(0.2, abs=1e-6)
    assert flat.gain(800, 1600).value == pytest.approx(0.0, abs=1e-6)


def test_rising_errors_give_a_floor() -> None:
    law = fit_power_law([100, 200, 400], [[0.1], [0.12], [0.15]])
    assert law.scale == 0.0
    assert law.floor == pytest.approx(0.12, abs=0.02)


@pytest.mark.parametrize("points", [1, 2, 3])
def test_few_points_fall_back_on_the_likely_power(points: int) -> None:
    sizes = [100, 400, 1600][:points]
    law = fit_power_law(sizes, [[2.0 * n**-0.5] for n in sizes])
    assert 0.3 < law.power < 0.8
    assert law.error_at(sizes[-1]) == pytest.approx(2.0 * sizes[-1] ** -0.5, abs=0.01)
    found = law.predict_at(6400)
    assert found.low <= found.value <= found.high


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=3), min_size=1, max_size=5))
def test_any_errors_give_a_falling_finite_curve(errors: list[list[float]]) -> None:
    law = fit_power_law(SIZES[: len(errors)], errors, draws=20)
    assert law.floor >= 0
    assert law.scale >= 0
    assert np.isfinite([law.floor, law.scale, law.power]).all()
    assert np.isfinite(law.refits).all()
    assert law.error_at(2000) <= law.error_at(1000)


@pytest.mark.parametrize(("sizes", "errors"), [([], []), ([100], [[]]), ([0], [[0.1]]), ([1, 2], [[0.1]])])
def test_nonsense_is_refused(sizes: list[int], errors: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="every point needs"):
        fit_power_law(sizes, errors)
