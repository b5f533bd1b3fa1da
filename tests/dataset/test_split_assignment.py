from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tellapart.dataset.file_rows import USED, FileRow
from tellapart.dataset.split_assignment import SplitPlan, divide_rows, grouped_rows
from tellapart.dataset.split_file import Known
from tellapart.errors import DataError

PLAN = SplitPlan("stratified", {"test": 0.2, "val": 0.1}, 0, 0, 0)


def rows(number: int, label: str = "a") -> list[FileRow]:
    return [FileRow(f"{label}/{n}.jpg", f"{label}{n:015}", label, None, None, USED, None, 9, 9, 9) for n in range(number)]


def grouped(
    given: Sequence[FileRow], own: Sequence[str | None] | None = None, pairs: Sequence[tuple[int, int]] = (), known=None
) -> list[FileRow]:  # type: ignore[no-untyped-def]
    ids = [(given[a].image_id or "", given[b].image_id or "") for a, b in pairs]
    return grouped_rows(given, own or [None] * len(given), ids, known or [None] * len(given))


def test_groups_are_named_by_the_earlier_split_then_by_the_user_then_by_content() -> None:
    given = rows(6)
    known = [None, Known("train", "older", None), None, None, None, None]
    found = grouped(given, ["film", None, None, "film", None, None], [(0, 1), (2, 4)], known)
    assert [row.group for row in found] == ["older", "older", "a000000000000002", "older", "a000000000000002", "a000000000000005"]
    assert [row.group for row in grouped(given, ["b", "c", None, None, None, None], [(0, 1)])][:2] == ["b", "b"]


def test_a_new_image_that_joins_two_old_groups_moves_neither_and_is_reported() -> None:
    given = rows(3)
    known = [Known("train", "g1", None), Known("val", "g2", None), None]
    found = divide_rows(
        [*grouped(given, None, [(0, 2), (1, 2)], known), replace(rows(1)[0], path="x", image_id="x", group="x")], [*known, None], PLAN
    )
    assert [row.part for row in found.rows[:3]] == ["train", "val", "val"]
    assert len({row.group for row in found.rows[:3]}) == 1
    assert found.kept == 2


def test_folds_are_of_training_images_only_and_stay() -> None:
    plan = replace(PLAN, folds=3)
    given = grouped(rows(30) + rows(30, "b"))
    first = divide_rows(given, [None] * 60, plan)
    assert {fold is None for fold, row in zip(first.folds, first.rows, strict=True) if row.part == "train"} == {False}
    assert {fold for fold, row in zip(first.folds, first.rows, strict=True) if row.part != "train"} == {None}
    known = [Known(row.part or "", row.group or "", fold) for row, fold in zip(first.rows, first.folds, strict=True)]
    more = grouped(rows(40) + rows(30, "b"), known=[*known[:30], *[None] * 10, *known[30:]])
    again = divide_rows(more, [*known[:30], *[None] * 10, *known[30:]], plan)
    assert [*again.folds[:30], *again.folds[40:]] == first.folds
    assert all(fold in (0, 1, 2) for fold, row in zip(again.folds, again.rows, strict=True) if row.part == "train")


@pytest.mark.parametrize(
    ("given", "plan", "message"),
    [
        ([replace(row, group="g") for row in rows(5)], PLAN, "all 5 images are one group"),
        ([replace(row, part="val", group=row.path) for row in rows(5)], replace(PLAN, strategy="own"), "nothing is left to train on"),
        ([replace(row, part="train", group=row.path) for row in rows(5)], replace(PLAN, strategy="own"), "too few groups to hold any back"),
        ([replace(row, group=row.path) for row in rows(5)], replace(PLAN, first_n=5), "has only 5 images"),
    ],
)
def test_what_cannot_be_divided(given: list[FileRow], plan: SplitPlan, message: str) -> None:
    with pytest.raises(DataError, match=message):
        divide_rows(given, [None] * len(given), plan)


def test_classes_missing_in_a_part_are_named() -> None:
    given = [replace(row, group="one") for row in rows(5)] + grouped(rows(20, "b")) + grouped(rows(2, "c"))
    found = divide_rows(given, [None] * 27, PLAN)
    assert "'a': no image in the test part, for want of groups" in found.notes
    assert "'a', 'c': no image in the val part, for want of groups" in found.notes
