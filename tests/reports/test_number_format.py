from __future__ import annotations

import pytest

from tellapart.reports import number_format


@pytest.mark.parametrize(
    ("value", "words"), [(0.9714, "97.1"), (1.0, "100"), (0.0, "0"), (0.99961, "99.96"), (0.0004, "0.04"), (0.9999999999, "99.99999")]
)
def test_a_share_is_never_rounded_to_certainty(value: float, words: str) -> None:
    assert number_format.share(value) == words


def test_intervals_read_as_in_the_brief() -> None:
    interval = {"value": 0.971, "low": 0.953, "high": 0.984}
    assert number_format.percent_interval(interval).replace("\u00a0", " ") == "97.1 % (95 % interval 95.3 to 98.4 %)"
    assert (
        number_format.loss_interval({"value": 0.0841, "low": 0.06, "high": 0.11}).replace("\u00a0", " ")
        == "0.084 (95 % interval 0.060 to 0.110)"
    )


def test_differences_carry_a_sign_and_zero_none() -> None:
    assert [number_format.signed(v, 1) for v in (1.24, -0.5, 0.0, -0.01)] == ["+1.2", "−0.5", "0.0", "0.0"]


def test_what_cannot_be_told_apart_is_said() -> None:
    assert number_format.p_value_words(0.2, 160) == "p = 0.200: not significantly different on these 160 images"
    assert number_format.p_value_words(1e-9, 160) == "p < 0.001"


def test_days_counts_sizes_and_short_names() -> None:
    assert number_format.day("2026-11-21T10:00:00+00:00") == "21 November 2026, 10:00 UTC"
    assert number_format.day("soon") == "soon"
    assert number_format.day(None) == ""
    assert number_format.count(1, "image") == "1 image"
    assert number_format.count(3000, "image") == "3,000 images"
    assert number_format.size(81_000).replace("\u00a0", " ") == "81 kB"
    assert number_format.shortened("a\nb", 10) == "a b"
    assert number_format.shortened("x" * 30, 10) == "xxxxxx…xxx"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3569, "59 min"),
        (3571, "1 h"),
        (7500, "2 h 5 min"),
        (180_000, "50 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert number_format.duration(seconds).replace("\u00a0", " ") == words
