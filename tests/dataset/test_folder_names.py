from __future__ import annotations

import pytest

from tellapart.dataset.folder_names import is_aside, is_class, is_data, is_fold, part_of, parts_among


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train", "train"),
        ("training_set", "train"),
        ("ImagesTrain", "train"),
        ("train_pictures", "train"),
        ("Valid", "val"),
        ("dev", "val"),
        ("seg_test", "test"),
        ("holdout", "test"),
        ("trains", None),
        ("contest", None),
        ("train_", None),
    ],
)
def test_the_part_that_a_folder_name_means(name: str, part: str | None) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize("name", ["images", "pictures", "Raw_Data", "photos2", "dataset", "JPEGs"])
def test_names_that_only_mean_data_are_no_classes(name: str) -> None:
    assert is_data(name)
    assert not is_class(name)


@pytest.mark.parametrize(("name", "fold"), [("fold1", True), ("Fold_2", True), ("cv-3", True), ("split0", True), ("scaffold1", False)])
def test_folds(name: str, fold: bool) -> None:
    assert is_fold(name) is fold


def test_names_usually_found_next_to_a_data_set() -> None:
    assert [name for name in ("docs", "masks", "licence", "license", "cats", "doctors") if is_aside(name)] == [
        "docs",
        "masks",
        "licence",
        "license",
    ]


def test_names_that_differ_only_in_the_part_are_parts() -> None:
    assert parts_among(["asl_train", "asl_test", "cats"]) == {"asl_train": "train", "asl_test": "test"}
    assert parts_among(["trainspotting_train", "cats"]) == {}, "one alone may be a class"
