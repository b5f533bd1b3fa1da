from __future__ import annotations

import numpy as np
import pytest

from tellapart.exploration.batch_selection import prototypes, uncertain_and_diverse


def clumps(sizes: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images in clumps far apart, and the clump of each."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(len(sizes)), sizes)
    return (10 * np.eye(16)[of] + rng.normal(size=(len(of), 16)) * 0.1).astype(np.float32), of


def test_a_batch_has_images_of_every_kind_among_the_least_certain() -> None:
    features, of = clumps([12, 12, 12, 100])
    margins = np.where(of == 3, 0.9, 0.1) + np.arange(len(of)) * 1e-6
    chosen = uncertain_and_diverse(features, margins, 12)
    assert len(set(chosen.tolist())) == 12
    assert {0, 1, 2} <= set(of[chosen].tolist()) and 3 not in of[chosen]
    plain = np.argsort(margins, kind="stable")[:12]
    assert set(of[plain].tolist()) == {0}, "the plain order shows one kind alone"


def test_the_least_certain_come_first_and_the_same_seed_gives_the_same_batch() -> None:
    rng = np.random.default_rng(1)
    features, margins = rng.normal(size=(90, 8)).astype(np.float32), rng.random(90)
    chosen = uncertain_and_diverse(features, margins, 10)
    assert np.array_equal(chosen, uncertain_and_diverse(features, margins, 10))
    assert (np.diff(margins[chosen]) >= 0).all()


def test_all_are_taken_where_there_are_no_more() -> None:
    features, _ = clumps([3])
    assert sorted(uncertain_and_diverse(features, np.array([0.3, 0.1, 0.2]), 5).tolist()) == [0, 1, 2]
    assert prototypes(features, 5).tolist() == [0, 1, 2]


@pytest.mark.parametrize("select", [lambda x: prototypes(x, 4), lambda x: uncertain_and_diverse(x, np.zeros(len(x)), 4)])
def test_images_that_are_all_alike_are_no_obstacle(select: object) -> None:
    chosen = select(np.ones((30, 8), np.float32))  # type: ignore[operator]
    assert 1 <= len(set(chosen.tolist())) == len(chosen) <= 4


def test_prototypes_are_one_of_each_clump() -> None:
    features, of = clumps([40, 20, 10])
    assert sorted(of[prototypes(features, 3)].tolist()) == [0, 1, 2]
