from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.training.latent_analysis import LatentUnits, RunningUnits, linear_code, linear_errors, mean_error, outlier_scores, traversal
from tests.training import toy_feed


def units_of(latents: np.ndarray, batch: int = 7) -> LatentUnits:
    so_far = RunningUnits(len(latents))
    for start in range(0, len(latents), batch):
        so_far.add(latents[start : start + batch])
    return so_far.units()


def test_mean_and_deviation_are_numpys_even_far_from_zero() -> None:
    latents = (np.random.default_rng(0).normal(size=(700, 5)) * [1, 2, 0.001, 1, 1] + [0, 5, 4000, 0, 0]).astype(np.float32)
    units = units_of(latents)
    assert units.mean == pytest.approx(latents.astype(float).mean(axis=0), rel=1e-6, abs=1e-6)
    assert units.deviation == pytest.approx(latents.astype(float).std(axis=0), rel=1e-4)
    assert len(units.rows) == 500
    assert np.array_equal(units.latents, latents[units.rows])


def test_dead_units_are_found_and_no_others() -> None:
    latents = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    latents[:, 2] = 0.7
    latents[:, 4] *= 0.002
    latents[:, 5] *= 0.05
    assert units_of(latents).dead.tolist() == [2, 4]


def test_all_units_are_dead_where_nothing_varies() -> None:
    latents = np.repeat(np.random.default_rng(1).normal(size=(1, 4)).astype(np.float32), 9, axis=0)
    units = units_of(latents + np.float32(1e-7) * np.arange(9, dtype=np.float32)[:, None])
    assert units.dead.tolist() == [0, 1, 2, 3]


def test_how_many_units_the_latent_is_worth() -> None:
    equal = np.random.default_rng(0).normal(size=(4000, 8)).astype(np.float32)
    assert units_of(equal).worth == pytest.approx(8, abs=0.2)
    equal[:, 1:] *= 0.01
    assert units_of(equal).worth == pytest.approx(1, abs=0.01)
    assert units_of(np.ones((3, 4), np.float32)).worth == 0


def test_principal_components_are_those_of_an_svd(tmp_path: Path) -> None:
    pixels, _ = toy_feed.squares(40)
    store = toy_feed.feed_of(tmp_path, pixels, np.zeros(40, np.int64)).pixels
    train, test = np.arange(30), np.arange(30, 40)
    code = linear_code(store, train, 5)
    flat = pixels.reshape(40, -1) / 255.0
    mean = flat[:30].mean(axis=0)
    basis = np.linalg.svd(flat[:30] - mean, full_matrices=False)[2][:5]
    centerd = flat[test] - mean
    wanted = np.square(centerd - centerd @ basis.T @ basis).mean(axis=1)
    by_mean, linear = linear_errors(code, store, test)
    assert linear == pytest.approx(wanted, rel=1e-3)
    assert by_mean == pytest.approx(np.square(centerd).mean(axis=1), rel=1e-3)


@pytest.mark.parametrize(("count", "same"), [(1, False), (8, True)])
def test_one_image_or_identical_ones_have_no_components(tmp_path: Path, count: int, same: bool) -> None:
    pixels, _ = toy_feed.squares(count)
    pixels = np.repeat(pixels[:1], count, axis=0) if same else pixels
    store = toy_feed.feed_of(tmp_path, pixels, np.zeros(count, np.int64)).pixels
    code = linear_code(store, np.arange(count), 5)
    assert code.basis.shape == (0, pixels[0].size)
    by_mean, linear = linear_errors(code, store, np.arange(count))
    assert by_mean == pytest.approx(0, abs=1e-9)
    assert linear == pytest.approx(0, abs=1e-9)


def test_the_error_has_an_interval_over_groups() -> None:
    errors = np.random.default_rng(0).uniform(0, 1, 200)
    alone = mean_error(errors, [str(i) for i in range(200)])
    assert alone.value == pytest.approx(errors.mean())
    assert alone.low < errors.mean() < alone.high
    copies = mean_error(np.repeat(errors[:50], 4), [str(i // 4) for i in range(200)])
    assert copies.high - copies.low > 1.5 * (alone.high - alone.low)


def test_a_strange_image_is_strange_on_its_own_side() -> None:
    errors = np.array([0.01, 0.01, 0.04, 0.1, 0.1, 0.11])
    scores = outlier_scores(errors, np.array([True, True, True, False, False, False]))
    assert scores.tolist() == pytest.approx([1, 1, 4, 1, 1, 1.1])
    assert outlier_scores(np.zeros(3), np.ones(3, bool)).tolist() == [0, 0, 0]


def test_a_traversal_moves_one_unit_and_orders_them_by_what_they_change() -> None:
    units = units_of((np.random.default_rng(0).normal(size=(200, 3)) * [1, 1, 0]).astype(np.float32))
    weights = np.array([0.01, 0.1, 1.0])

    def decode(latents: np.ndarray) -> np.ndarray:
        return np.broadcast_to((latents @ weights)[:, None, None, None], (len(latents), 3, 2, 2))

    found = traversal(decode, units, np.zeros(3, np.float32))
    assert found.units.tolist() == [1, 0]
    steps = found.images[0, :, 0, 0, 0]
    assert np.diff(steps) == pytest.approx(np.full(6, 0.1 * units.deviation[1]), rel=1e-3)
    assert steps[3] == pytest.approx(0.1 * units.mean[1], abs=1e-6)
    assert found.effects[0] == pytest.approx(0.4 * units.deviation[1], rel=1e-3)


def test_where_nothing_lives_nothing_is_moved() -> None:
    units = units_of(np.ones((3, 4), np.float32))
    assert len(traversal(lambda latents: latents, units, np.ones(4, np.float32)).units) == 0
