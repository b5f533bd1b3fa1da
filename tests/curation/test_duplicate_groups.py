from __future__ import annotations

import pytest

from tellapart.curation.duplicate_groups import BOUNDARY, EXACT, NEAR, duplicate_groups
from tellapart.curation.near_duplicates import ComparedPair
from tellapart.dataset.catalog import ImageFacts
from tellapart.dataset.file_rows import SET_ASIDE, UNREADABLE, USED, FileRow


def row(path: str, image_id: str | None, *, size_bytes: int = 1000, status: str = USED, label: str = "a") -> FileRow:
    return FileRow(path, image_id, label, None, None, status, None, 10, 10, size_bytes)


def facts(image_id: str, width: int = 100, height: int = 100, *, gray: bool = False) -> ImageFacts:
    numbers = dict.fromkeys(ImageFacts.__dataclass_fields__, 90.0) | {"chroma": 2.0 if gray else 80.0}
    return ImageFacts(
        **numbers | {"image_id": image_id, "width": width, "height": height, "format": "JPEG", "hash": b"", "mirror_hash": b""}
    )


def test_exact_copies_in_any_class_and_however_they_were_set_aside_are_one_group() -> None:
    rows = [row("b/1.jpg", "x", status=SET_ASIDE), row("a/1.jpg", "x"), row("a/2.jpg", "y"), row("a/bad.jpg", None, status=UNREADABLE)]
    (group,) = duplicate_groups(rows, {"x": facts("x"), "y": facts("y")}, [])
    assert (group.kind, group.image_ids, group.paths) == (EXACT, ("x",), ("a/1.jpg", "b/1.jpg"))
    assert (group.best, group.others, group.why, group.similarity) == ("a/1.jpg", ("b/1.jpg",), "the first by name", 1.0)


@pytest.mark.parametrize(
    ("better", "worse", "why"),
    [
        ({"width": 200}, {}, "the largest, 200 x 100"),
        ({"width": 98}, {"is_framed": True}, "without frame or caption"),
        ({"size_bytes": 9000}, {"width": 101}, "least compressed, 0.90 bytes per pixel"),
        ({}, {"gray": True, "size_bytes": 9000}, "in color"),
        ({}, {}, "the first by name"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_the_best_copy_is_named_with_its_reason(better: dict, worse: dict, why: str, is_first: bool) -> None:
    if why == "the first by name" and not is_first:
        return
    wishes = {"x": better, "y": worse} if is_first else {"y": better, "x": worse}
    best = "x" if is_first else "y"
    rows = [row(f"{name}.jpg", name, size_bytes=wish.get("size_bytes", 1000)) for name, wish in wishes.items()]
    seen = {n: facts(n, **{key: value for key, value in w.items() if key in ("width", "height", "gray")}) for n, w in wishes.items()}
    framed = tuple(name for name, wish in wishes.items() if wish.get("is_framed"))
    (group,) = duplicate_groups(rows, seen, [ComparedPair("x", "y", 0.9, framed=framed)])
    assert (group.kind, group.best, group.why, group.similarity) == (NEAR, f"{best}.jpg", why, 0.9)
    assert group.image_ids[0] == best


def test_near_groups_hold_exact_copies_too_and_the_least_likeness_that_joins_them() -> None:
    rows = [row("1.jpg", "x"), row("2.jpg", "y", size_bytes=500), row("3.jpg", "z", size_bytes=200), row("4.jpg", "y", size_bytes=500)]
    seen = {name: facts(name) for name in "xyz"}
    (group,) = duplicate_groups(rows, seen, [ComparedPair("x", "y", 0.99), ComparedPair("y", "z", 0.95), ComparedPair("x", "gone", 0.9)])
    assert (group.kind, group.image_ids, group.similarity) == (NEAR, ("x", "y", "z"), 0.95)
    assert group.paths == ("1.jpg", "2.jpg", "4.jpg", "3.jpg")


def test_pairs_at_the_boundary_join_nothing_and_can_be_left_out() -> None:
    rows = [row(f"{name}.jpg", name) for name in "abcd"]
    seen = {name: facts(name) for name in "abcd"}
    known = [ComparedPair("a", "b", 0.9), ComparedPair("b", "c", 0.7, is_copy=False), ComparedPair("a", "b", 0.6, is_copy=False)]
    near, boundary = duplicate_groups(rows, seen, known)
    assert (near.kind, near.image_ids) == (NEAR, ("a", "b"))
    assert (boundary.kind, boundary.image_ids) == (BOUNDARY, ("b", "c"))
    assert duplicate_groups(rows, seen, known, boundary=False) == [near]
