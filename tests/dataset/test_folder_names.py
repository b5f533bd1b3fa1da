from __future__ import annotations

import pytest

from tellapart.dataset.folder_names import classes_in_file_names, is_aside, is_class, is_data, is_fold, part_of, parts_among


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


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg"], ["cat", "dog"]),
        (["x/Cat_1.jpg", "y/Cat_2.jpg", "pug_1.jpg", "pug_2.jpg"], ["Cat", "pug"]),
        (["cat.0.jpg", "cat.1.jpg"], []),
        (["1.jpg", "2.jpg", "3.jpg", "4.jpg"], []),
        (["holiday.jpg", "dog.jpg", "cat.1.jpg", "cat.2.jpg"], []),
    ],
)
def test_what_file_names_begin_with_may_be_their_classes(names: list[str], classes: list[str]) -> None:
    assert classes_in_file_names(names) == classes
