from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tellapart.json_files import ShapeError, record


@dataclass(frozen=True)
class Inner:
    n: int


@dataclass(frozen=True)
class Outer:
    name: str
    share: float
    may_be_none: Inner | None
    inner: list[Inner] = field(default_factory=list)
    pairs: tuple[float, ...] = ()
    by_name: dict[str, list[int]] = field(default_factory=dict)
    anything: dict[str, Any] = field(default_factory=dict)
    is_set: bool = True


WHOLE = {
    "name": "a",
    "share": 1,
    "may_be_none": {"n": 1},
    "inner": [{"n": 2}],
    "pairs": [1, 2.5],
    "by_name": {"x": [1]},
    "anything": {"y": [None]},
    "is_set": False,
}


def test_a_record_is_made_of_its_annotations() -> None:
    found = record(Outer)(WHOLE, "")
    assert found == Outer("a", 1.0, Inner(1), [Inner(2)], (1.0, 2.5), {"x": [1]}, {"y": [None]}, is_set=False)
    assert isinstance(found.share, float)


def test_defaults_and_none_stand_for_what_is_absent_and_unknown_fields_are_ignored() -> None:
    assert record(Outer)({"name": "a", "share": 0.5, "later": 1}, "") == Outer("a", 0.5, None)
    assert record(Outer)({"name": "a", "share": 0.5, "may_be_none": None}, "") == Outer("a", 0.5, None)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"name": None}, "name is null, expected text"),
        ({"share": True}, "share is True, expected a number"),
        ({"may_be_none": {}}, "may_be_none.n is missing"),
        ({"inner": [{"n": 1}, {"n": 1.5}]}, r"inner\[1\].n is 1.5, expected a whole number"),
        ({"inner": None}, "inner is null, expected a list"),
        ({"pairs": [1, "2"]}, r"pairs\[1\] is '2', expected a number"),
        ({"by_name": {"x": [1, "1"]}}, r"by_name.x\[1\] is '1'"),
        ({"is_set": 1}, "is_set is 1, expected true or false"),
    ],
)
def test_a_wrong_value_is_named_with_its_path(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ShapeError, match=f"^{complaint}"):
        record(Outer)({**WHOLE, **changed}, "")
