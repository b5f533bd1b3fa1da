from __future__ import annotations

from pathlib import Path

import pytest

from tellapart.dataset.options import DatasetOptions
from tellapart.dataset.table_columns import Columns, columns_of, named_column
from tellapart.errors import DataError

TABLE = Path("labels.csv")


def read(*header: str, **options: str) -> Columns:
    return columns_of(TABLE, header, DatasetOptions(**options))


@pytest.mark.parametrize("name", ["path", "File Name", "image_id", "picture", "PHOTO", "img"])
def test_columns_that_name_images(name: str) -> None:
    assert read("note", name, "label").paths == (1,)


def test_the_only_other_column_may_be_the_label_but_not_one_that_never_is() -> None:
    assert read("path", "kind").others == (1,)
    assert read("path", "kind", "licence", "license", "width").others == (1,)
    assert read("path", "kind", "style").others == (1, 2)


def test_part_columns_and_weak_ones() -> None:
    assert (read("path", "label", "split", "usage").part, read("path", "label", "split", "usage").weak_part) == (2, None)
    assert (read("path", "label", "usage").part, read("path", "label", "usage").weak_part) == (None, 2)


def test_the_users_own_columns_come_first() -> None:
    chosen = read("path", "Where It Is", "label", "kind", path_column="where it is", label_column="kind")
    assert (chosen.paths, chosen.labels) == ((1,), (3,))
    with pytest.raises(DataError, match="has no column 'knd'") as error:
        read("path", "kind", label_column="knd")
    assert "kind" in str(error.value.hint)


@pytest.mark.parametrize(("header", "reason"), [((), "no rows"), (("url", "label"), "lists addresses"), (("1.jpg", "cat"), "no header")])
def test_a_table_that_names_no_images_is_refused_with_the_reason(header: tuple[str, ...], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read(*header)


def test_a_table_of_pixels_is_refused_in_a_few_words() -> None:
    with pytest.raises(DataError, match=r"pixel18 and 765 more$") as caught:
        read("label", *(f"pixel{i}" for i in range(784)))
    assert caught.value.hint == "a table of pixels is for other programs: save each row as an image file"


def test_an_exact_name_goes_before_one_that_differs_in_capitals() -> None:
    assert named_column(["Label", "label"], "label") == 1
    assert named_column(["Image Name"], "image_name") == 0
    assert named_column(["a"], "b") is None
