from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tellapart.dataset.splits import (
    assign_folds,
    assign_shares,
    assign_stratified_parts,
    first_files,
    hashed_fold,
    hashed_part,
    ordered_groups,
)

Set = tuple[list[str], list[str]]


@st.composite
def photo_sets(draw: st.DrawFn) -> Set:
    """Labels and groups of 2 to 60 images; a group may hold several classes."""
    n = draw(st.integers(2, 60))
    labels = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(0, draw(st.integers(0, 2 * n))), min_size=n, max_size=n))
    return labels, [f"g{group}" for group in groups]


def parts_of_groups(groups: list[str], parts: list[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for group, part in zip(groups, parts, strict=True):
        found[group].add(part)
    return found


@given(photo_sets(), st.integers(0, 9), st.floats(0.05, 0.9))
def test_a_group_is_never_divided(photos: Set, seed: int, share: float) -> None:
    labels, groups = photos
    parts = assign_stratified_parts(labels, groups, seed=seed, test_share=share)
    assert set(parts) <= {"train", "test"}
    assert all(len(found) == 1 for found in parts_of_groups(groups, parts).values())


@given(photo_sets(), st.integers(0, 9))
def test_the_order_of_the_files_changes_nothing(photos: Set, seed: int) -> None:
    labels, groups = photos
    forward = assign_stratified_parts(labels, groups, seed=seed)
    assert forward == assign_stratified_parts(labels, groups, seed=seed)
    assert forward[::-1] == assign_stratified_parts(labels[::-1], groups[::-1], seed=seed)
    assert np.array_equal(
        assign_folds(labels, groups, folds=3, seed=seed)[::-1], assign_folds(labels[::-1], groups[::-1], folds=3, seed=seed)
    )


@given(st.lists(st.integers(1, 80), min_size=2, max_size=4), st.integers(0, 99), st.floats(0.05, 0.9))
def test_every_class_gives_its_share_within_one_group(sizes: list[int], seed: int, share: float) -> None:
    labels = [f"c{number}" for number, size in enumerate(sizes) for _ in range(size)]
    parts = assign_stratified_parts(labels, [f"g{i}" for i in range(len(labels))], seed=seed, test_share=share)
    for number, size in enumerate(sizes):
        test = sum(part == "test" and label == f"c{number}" for part, label in zip(parts, labels, strict=True))
        assert abs(test - share * size) <= 1
        assert test < size
        assert test >= 1 or size == 1


@given(photo_sets(), st.integers(2, 6), st.integers(0, 9))
def test_folds_keep_groups_whole_and_stay_in_range(photos: Set, folds: int, seed: int) -> None:
    labels, groups = photos
    found = assign_folds(labels, groups, folds=folds, seed=seed)
    assert found.shape == (len(labels),)
    assert found.min() >= 0
    assert found.max() < folds
    assert all(len(held) == 1 for held in parts_of_groups(groups, found.tolist()).values())


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(2, 6), st.integers(0, 9))
def test_folds_are_balanced_within_each_class_and_in_all(sizes: list[int], folds: int, seed: int) -> None:
    labels = [f"c{number}" for number, size in enumerate(sizes) for _ in range(size)]
    found = assign_folds(labels, [f"g{i}" for i in range(len(labels))], folds=folds, seed=seed)
    per_class = {label: Counter(int(f) for f, own in zip(found, labels, strict=True) if own == label) for label in set(labels)}
    for label, counts in per_class.items():
        assert max(counts.values()) - min(counts.get(f, 0) for f in range(folds)) <= 1, label
    totals = np.bincount(found, minlength=folds)
    assert totals.max() - totals.min() <= 1


def test_seeds_give_different_splits() -> None:
    labels, groups = ["a"] * 50 + ["b"] * 50, [f"g{i}" for i in range(100)]
    splits = {tuple(assign_stratified_parts(labels, groups, seed=seed)) for seed in range(10)}
    assert len(splits) == 10


def test_a_split_is_the_same_on_every_machine_and_in_every_version() -> None:
    labels, groups = ["a"] * 5 + ["b"] * 5, [f"g{i}" for i in range(10)]
    assert assign_stratified_parts(labels, groups, seed=0, test_share=0.4) == [
        "test",
        "test",
        "train",
        "train",
        "train",
        "train",
        "test",
        "train",
        "test",
        "train",
    ]


@settings(max_examples=50)
@given(st.integers(0, 99))
def test_more_photos_move_few_of_the_old_ones(seed: int) -> None:
    labels, groups = ["a"] * 100, [f"g{i}" for i in range(100)]
    before = assign_stratified_parts(labels, groups, seed=seed)
    after = assign_stratified_parts([*labels, *["a"] * 5], [*groups, *[f"new{i}" for i in range(5)]], seed=seed)
    assert sum(a != b for a, b in zip(before, after, strict=False)) <= 5


def test_a_mixed_group_belongs_to_its_most_frequent_label() -> None:
    labels = ["a", "a", "b", *["b"] * 4, *["a"] * 4]
    groups = ["m", "m", "m", *[f"b{i}" for i in range(4)], *[f"a{i}" for i in range(4)]]
    for seed in range(20):
        parts = assign_stratified_parts(labels, groups, seed=seed, test_share=0.5)
        assert sum(part == "test" for part in parts[3:7]) == 2, "b has 4 groups of its own: half of them"


def test_names_that_are_not_utf8_can_be_groups() -> None:
    parts = assign_stratified_parts(["a", "a", "b", "b"], ["x\udcff", "y", "z\udc80", "w"], seed=0)
    assert Counter(parts) == {"train": 2, "test": 2}


SHARES = {"test": 0.2, "val": 0.1}


@given(photo_sets(), st.integers(0, 9), st.floats(0, 0.45), st.floats(0, 0.45))
def test_shares_divide_no_group_and_leave_something_to_train_on(photos: Set, seed: int, test: float, val: float) -> None:
    labels, groups = photos
    parts = assign_shares(labels, groups, seed=seed, shares={"test": test, "val": val})
    assert all(len(found) == 1 for found in parts_of_groups(groups, parts).values())
    assert "train" in parts
    assert parts[::-1] == assign_shares(labels[::-1], groups[::-1], seed=seed, shares={"test": test, "val": val})


@given(st.lists(st.integers(5, 80), min_size=1, max_size=4), st.integers(0, 99))
def test_shares_are_met_in_every_class_within_one_image(sizes: list[int], seed: int) -> None:
    labels = [f"c{number}" for number, size in enumerate(sizes) for _ in range(size)]
    parts = assign_shares(labels, [f"g{i}" for i in range(len(labels))], seed=seed, shares=SHARES)
    for number, size in enumerate(sizes):
        for part, share in SHARES.items():
            assert abs(sum(p == part and label == f"c{number}" for p, label in zip(parts, labels, strict=True)) - share * size) <= 1


def test_shares_count_images_not_groups() -> None:
    groups = ["giant"] * 60 + [f"g{i}" for i in range(40)]
    for seed in range(20):
        parts = assign_shares(["a"] * 100, groups, seed=seed, shares=SHARES)
        assert Counter(parts) == {"train": 70, "test": 20, "val": 10}


@given(st.lists(st.integers(1, 5), min_size=10, max_size=60), st.integers(2, 6), st.integers(0, 9))
def test_folds_of_unequal_groups_are_as_even_as_the_largest_group_allows(sizes: list[int], folds: int, seed: int) -> None:
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    counts = np.bincount(assign_folds(["a"] * len(groups), groups, folds=folds, seed=seed), minlength=folds)
    assert counts.max() - counts.min() <= max(sizes)


def test_a_hashed_part_depends_on_nothing_else_and_shares_come_out_about_right() -> None:
    parts = [hashed_part(f"g{i}", seed=0, shares=SHARES) for i in range(10_000)]
    assert parts[:5] == [hashed_part(f"g{i}", seed=0, shares=SHARES) for i in range(5)]
    counts = Counter(parts)
    assert abs(counts["test"] - 2000) < 130
    assert abs(counts["val"] - 1000) < 100
    assert parts != [hashed_part(f"g{i}", seed=1, shares=SHARES) for i in range(10_000)]
    folds = np.bincount([hashed_fold(f"g{i}", seed=0, folds=5) for i in range(10_000)])
    assert len(folds) == 5
    assert (abs(folds - 2000) < 130).all()


@settings(max_examples=30)
@given(st.integers(0, 99))
def test_a_stratified_split_moves_about_as_many_as_are_added(seed: int) -> None:
    labels, groups = ["a"] * 200, [f"g{i}" for i in range(200)]
    before = assign_shares(labels, groups, seed=seed, shares=SHARES)
    after = assign_shares([*labels, *["a"] * 10], [*groups, *[f"new{i}" for i in range(10)]], seed=seed, shares=SHARES)
    assert sum(a != b for a, b in zip(before, after, strict=False)) <= 10


def test_the_first_files_of_each_class_go_by_file_name() -> None:
    paths = ["a/10.jpg", "a/02.jpg", "z/a/01.jpg", "b/1.jpg", "b/2.jpg"]
    assert first_files(paths, ["a", "a", "a", "b", "b"], 2) == [False, True, True, True, True]


@given(photo_sets(), st.integers(0, 5), st.integers(0, 5))
def test_known_parts_stay_and_new_groups_fill_up_the_share(photos: Set, seed: int, other: int) -> None:
    labels, groups = photos
    before = assign_stratified_parts(labels[: len(labels) // 2], groups[: len(labels) // 2], seed=other)
    known = dict(zip(groups, before, strict=False))
    after = assign_stratified_parts(labels, groups, seed=seed, known=known)
    part_of = dict(zip(groups, after, strict=True))
    for names in ordered_groups(labels, groups, seed=seed).values():
        was_test = [name for name in names if known.get(name) == "test"]
        moved = [name for name in was_test if part_of[name] != "test"]
        assert not moved or (len(moved) == 1 and len(was_test) == len(names)), "a class needs something to learn from"
        assert all(part_of[name] == "train" for name in names if known.get(name) == "train")
