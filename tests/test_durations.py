from __future__ import annotations

import pytest

from tellapart.durations import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), (" 1H 30M".replace(" ", ""), 5400), ("1.5h", 5400), (" 5s ", 5)],
)
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-5s", "5x", "h", "1h 30m later", "ten minutes", "5 s", "1e3", "nan", "inf", "1:30"])
def test_what_is_no_time(text: str) -> None:
    assert seconds_of(text) is None
