from __future__ import annotations

import pytest

from tellapart.collection.planner import (
    ALLOWANCE,
    MOST_AHEAD,
    SourceCounts,
    ceilings,
    exhaustion_reason,
    reasons_for_shortage,
    shortfalls,
    sources_by_need,
    unevenness,
)


def test_the_class_that_lacks_the_largest_share_comes_first_and_what_is_under_way_counts() -> None:
    supplies = {"cat": {"a": SourceCounts(kept=80, busy=10)}, "dog": {"a": SourceCounts(kept=300)}, "fox": {}}
    assert list(shortfalls(supplies, {"cat": 100, "dog": 400, "fox": 10}).items()) == [("fox", 10), ("dog", 100), ("cat", 10)]


def test_a_class_that_has_its_number_needs_nothing_and_one_without_a_number_never_has_enough() -> None:
    needs = shortfalls({"cat": {"a": SourceCounts(kept=7, busy=5)}, "dog": {"list": SourceCounts(kept=9_000)}}, {"cat": 10, "dog": None})
    assert needs["cat"] == 0
    assert needs["dog"] > 10**9


def test_the_source_that_gave_least_is_next_and_a_full_one_is_left_out() -> None:
    supplies = {"a": SourceCounts(kept=5), "b": SourceCounts(kept=1, busy=2), "c": SourceCounts(kept=9)}
    assert sources_by_need(supplies, {"c": 9, "a": 20}) == [("b", (1 << 60) - 3), ("a", 15)]


def test_a_source_that_ran_out_for_one_class_is_held_back_for_the_others() -> None:
    supplies = {
        "cat": {"a": SourceCounts(kept=100), "b": SourceCounts(kept=100, is_open=True)},
        "dog": {"a": SourceCounts(kept=110, is_open=True), "b": SourceCounts(kept=80, busy=10, queued=3)},
    }
    needs = {"cat": 20, "dog": 20}
    assert ceilings(supplies, needs) == {"a": int(100 * MOST_AHEAD) + ALLOWANCE, "b": int(90 * MOST_AHEAD) + ALLOWANCE}
    assert ceilings(supplies, needs, is_even=False) == {}


def test_a_class_that_has_enough_holds_nobody_back_unless_the_source_was_empty_for_it() -> None:
    supplies = {
        "cat": {"a": SourceCounts(kept=40, is_open=True), "b": SourceCounts(kept=7)},
        "dog": {"a": SourceCounts(kept=90, is_open=True), "b": SourceCounts(queued=9)},
    }
    assert ceilings(supplies, {"cat": 0, "dog": 20}) == {"a": int(90 * MOST_AHEAD) + ALLOWANCE, "b": ALLOWANCE}
    assert (
        ceilings({"cat": supplies["cat"], "dog": {"b": SourceCounts(kept=30, queued=9)}}, {"cat": 0, "dog": 20})["b"]
        == int(7 * MOST_AHEAD) + ALLOWANCE
    )


def test_one_class_alone_and_what_was_listed_by_hand_have_no_ceiling() -> None:
    assert ceilings({"cat": {"a": SourceCounts(kept=3)}}, {"cat": 9}) == {}
    assert ceilings({"cat": {"list": SourceCounts(kept=3)}, "dog": {"list": SourceCounts(kept=9)}}, {"cat": 9, "dog": 9}) == {}


@pytest.mark.parametrize(
    ("judged", "kept", "stale", "is_dry"),
    [(60, 3, 0, True), (60, 4, 0, False), (39, 0, 0, False), (40, 2, 0, True), (0, 0, 1, False), (60, 60, 2, True)],
)
def test_a_slice_is_dry_when_next_to_nothing_in_it_is_new(judged: int, kept: int, stale: int, is_dry: bool) -> None:
    assert (exhaustion_reason(judged, kept, stale) is not None) == is_dry


def test_classes_from_different_sources_are_called_uneven() -> None:
    even = {
        "cat": {"a": SourceCounts(kept=50), "b": SourceCounts(kept=50)},
        "dog": {"a": SourceCounts(kept=45), "b": SourceCounts(kept=55)},
    }
    assert unevenness(even) == []
    said = unevenness(
        {"cat": {"a": SourceCounts(kept=90), "b": SourceCounts(kept=10)}, "dog": {"a": SourceCounts(kept=10), "b": SourceCounts(kept=90)}}
    )
    assert said[0] == "a gave 90% of cat but 10% of dog: a classifier may learn the source"
    assert len(said) == 2


def test_a_shortage_is_explained_by_source() -> None:
    supplies = {
        "cat": {"a": SourceCounts(kept=135, is_open=True), "b": SourceCounts(kept=20)},
        "dog": {"a": SourceCounts(kept=100), "b": SourceCounts(kept=20)},
    }
    said = reasons_for_shortage("cat", supplies, 845, {"b": {"exhausted": 3, "failed": 1}}, {"a": 135})
    assert said == [
        "cat: 845 fewer than asked for",
        "a has more, left alone because dog has only 100 from there (--uneven-sources takes them)",
        "b gave 20 (3 searches came to their end, 1 failed)",
    ]
