from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tellapart.evaluation.intervals import (
    effective_images,
    effective_size,
    effective_size_sentence,
    logit_interval,
    perfect_score_interval,
    wilson,
)
from tellapart.evaluation.summary import evaluate
from tellapart.interval import Interval
from tellapart.predictions import Predictions


@pytest.mark.parametrize(("right", "n"), [(0, 5), (1, 1), (97, 100), (480, 500), (250, 1000)])
def test_wilson_equals_scipy(right: int, n: int) -> None:
    theirs = binomtest(right, n).proportion_ci(method="wilson")
    ours = wilson(right, n)
    assert ours.value == right / n
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_value_and_stays_a_proportion(case: tuple[int, int]) -> None:
    right, n = case
    found = wilson(right, n)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0
    fewer = wilson(right, n, effective_n=n / 2)
    assert fewer.high - fewer.low >= found.high - found.low


@pytest.mark.parametrize(("right", "n"), [(1, 0), (5, 4), (-1, 4)])
def test_wilson_refuses_nonsense(right: int, n: int) -> None:
    with pytest.raises(ValueError, match="wilson needs"):
        wilson(right, n)


@pytest.mark.parametrize(("right", "n"), [(75, 100), (90, 400), (390, 400)])
def test_wilson_covers_about_95_percent(right: int, n: int) -> None:
    p = right / n
    draws = np.random.default_rng(0).binomial(n, p, 4000)
    held = [wilson(int(d), n) for d in draws]
    assert 0.93 <= np.mean([i.low <= p <= i.high for i in held]) <= 0.975


def test_effective_size_is_the_number_of_equal_groups() -> None:
    assert effective_size(np.ones(50, dtype=np.int64)) == 50
    assert effective_size(np.full(10, 5)) == pytest.approx(10)
    assert effective_size(np.array([100])) == 1
    assert effective_size(np.array([], dtype=np.int64)) == 0


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_effective_size_lies_between_one_and_the_images(sizes: list[int]) -> None:
    assert 1 - 1e-9 <= effective_size(np.array(sizes)) <= sum(sizes) + 1e-9


def test_flawless_is_wilson_for_equal_classes() -> None:
    assert perfect_score_interval(np.array([50, 50]), 1.0).low == pytest.approx(wilson(100, 100).low)
    assert perfect_score_interval(np.array([98, 2]), 1.0).low < perfect_score_interval(np.array([50, 50]), 1.0).low


def test_logit_interval_stays_inside_and_knows_when_it_knows_nothing() -> None:
    found = logit_interval(0.999, np.full(10, 0.0005))
    assert 0 < found.low < 0.999 < found.high < 1
    assert logit_interval(0.7, np.array([0.1])) == Interval(0.7, 0.0, 1.0)


def test_forms() -> None:
    found = Interval(0.971, 0.953, 0.984)
    assert found.percent() == "97.1 % (95.3 to 98.4)"
    assert str(found) == "0.971 (0.953 to 0.984)"
    assert Interval(0.012, -0.003, 0.027).points() == "+1.2 points (-0.3 to +2.7)"
    assert Interval(**found.as_dict()) == found
    assert not found.as_dict().keys() ^ {"value", "low", "high"}
    assert "<svg" in found._repr_html_()
    assert "<svg" in Interval(-0.2, -0.3, 0.1)._repr_html_()
    assert found.excludes_zero
    assert not Interval(0.0, -1.0, 1.0).excludes_zero


@pytest.mark.parametrize(("right", "n", "worth"), [(340, 352, 21.0), (352, 352, 7.0), (0, 50, 3.5), (100, 200, 200.0)])
def test_what_images_are_worth_is_read_from_the_interval(right: int, n: int, worth: float) -> None:
    assert effective_images(wilson(right, n, effective_n=worth), n) == pytest.approx(worth, rel=1e-3)


def test_grouped_images_are_said_for_what_they_are_worth() -> None:
    predictions = Predictions(
        image_ids=("a", "b"), paths=("a", "b"), labels=("x", "y"), probabilities=np.eye(2), logits=np.eye(2), class_names=("x", "y"),
        parts=("test", "test"), groups=("1", "1"), source="made up",
    )  # fmt: skip
    part = replace(evaluate(predictions), n=352, groups=7, accuracy=wilson(340, 352, effective_n=21.0))
    assert effective_size_sentence(part) == (
        "352 images in 7 groups that stay together have an effective sample size of about 21; the intervals account for it"
    )
    assert effective_size_sentence(replace(part, groups=352)) is None
    assert effective_size_sentence(replace(part, groups=350, accuracy=wilson(340, 352))) is None
