from __future__ import annotations

import numpy as np
import pytest

from tellapart.training.early_stopping import EpochChoice, is_out_of_patience

N = 100
SPREAD = np.random.default_rng(0).normal(size=N)
SPREAD -= SPREAD.mean()
SPREAD /= SPREAD.std()


def losses(mean: float, *, spread: float = 0.0, turn: int = 0) -> np.ndarray:
    """Losses of ``N`` held-out images; another ``turn`` spreads them over other images."""
    return mean + spread * np.roll(SPREAD, 7 * turn)


def kept(start: float | None, means: list[float], *, spread: float = 0.0) -> list[int]:
    """The numbers of the epochs that are kept."""
    choice = EpochChoice()
    if start is not None:
        choice.start(losses(start, spread=spread))
    return [number for number, mean in enumerate(means) if choice.is_kept(losses(mean, spread=spread, turn=number + 1))]


def error_between(spread: float, first: int, second: int) -> float:
    """The standard error of the paired difference of two epochs."""
    return float((losses(0, spread=spread, turn=first) - losses(0, spread=spread, turn=second)).std()) / N**0.5


def test_a_slow_decline_is_not_followed() -> None:
    """Every epoch is within one standard error of the one before; the last kept is within one of the best."""
    means = [0.4, *(0.4 + 0.04 * number for number in range(1, 30))]
    found = kept(1.0, means, spread=0.5)
    error = error_between(0.5, 1, found[-1] + 1)
    assert means[found[-1]] - 0.4 <= error < 0.1
    assert found == list(range(found[-1] + 1))
    assert all(error_between(0.5, number, number + 1) > 0.04 for number in range(1, 29)), "each step is a small one"


def test_a_decline_from_the_start_keeps_the_start() -> None:
    assert kept(0.40, [0.40 + 0.01 * number for number in range(1, 60)], spread=0.5) == []


def test_the_start_gives_way_to_a_lower_loss_only() -> None:
    assert kept(0.4, [0.401, 0.4, 0.399], spread=0.5) == [2]


def test_of_epochs_that_cannot_be_told_apart_the_last_is_kept() -> None:
    assert kept(1.0, [0.40, 0.41, 0.42, 0.41], spread=0.5) == [0, 1, 2, 3]


def test_without_a_start_the_first_epoch_is_the_first_candidate() -> None:
    assert kept(None, [0.4, 0.9, 0.3]) == [0, 2]


def test_an_epoch_whose_losses_are_no_numbers_is_no_reference() -> None:
    """Nothing is lower than NaN, so that no later epoch would have been kept."""
    choice = EpochChoice()
    assert [choice.is_kept(np.full(N, value)) for value in (np.nan, 0.5, np.nan, 0.4)] == [True, True, False, True]


def test_a_start_that_is_no_number_is_no_candidate() -> None:
    choice = EpochChoice()
    choice.start(np.full(N, np.nan))
    assert choice.is_kept(losses(5.0))


def test_a_difference_on_every_image_is_told_however_small() -> None:
    """Paired: the same images are easy for both, so their spread says nothing against a difference."""
    choice = EpochChoice()
    choice.start(losses(1.0, spread=2.0))
    assert choice.is_kept(losses(0.5, spread=2.0))
    assert not choice.is_kept(losses(0.501, spread=2.0))


def test_where_nothing_is_held_out_every_epoch_is_kept() -> None:
    choice = EpochChoice()
    assert [choice.is_kept(np.empty(0)) for _ in range(3)] == [True] * 3


@pytest.mark.parametrize("is_start", [True, False])
def test_it_goes_on_from_what_is_known(is_start: bool) -> None:
    choice = EpochChoice(float, losses(0.4, spread=0.5), is_start=is_start)
    assert choice.is_kept(losses(0.41, spread=0.5, turn=1)) != is_start


def test_patience_counts_the_epochs_since_the_one_that_is_kept() -> None:
    assert [is_out_of_patience(epoch, 2, 3) for epoch in range(2, 7)] == [False, False, False, True, True]
    assert is_out_of_patience(2, -1, 3), "nothing was ever better than the start"
