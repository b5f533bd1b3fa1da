from __future__ import annotations

from pathlib import Path

import pytest

from tellapart.errors import DataError, OptionError
from tellapart.kaggle.columns import Columns, class_of, columns_of
from tellapart.kaggle.sample_csv import Sample

PETS = ("cats", "dogs")
BREEDS = ("Border_collie", "collie", "great dane")
DIGITS = ("0", "1", "2")


def sample(header: str, *rows: str) -> Sample:
    return Sample(Path("sample.csv"), tuple(header.split(",")), tuple(tuple(row.split(",")) for row in rows), 0)


@pytest.mark.parametrize(
    ("name", "class_names", "number"),
    [
        ("dogs", PETS, 1),
        ("Dog", PETS, 1),
        ("DOGS", PETS, 1),
        ("label", PETS, None),
        ("", PETS, None),
        ("is_dog", PETS, None),
        ("collie", BREEDS, 1),
        ("border collie", BREEDS, 0),
        ("BORDER-COLLIES", BREEDS, 0),
        ("Great_Dane", BREEDS, 2),
        ("dog", ("dogs", "Dog"), 1),
        ("dog", ("DOG", "Dog"), None),
        ("fly", ("flies", "buses"), 0),
        ("bus", ("flies", "buses"), 1),
        ("s", ("", "x"), None),
    ],
)
def test_a_name_means_a_class_or_none(name: str, class_names: tuple[str, ...], number: int | None) -> None:
    assert class_of(name, class_names) == number


def test_one_column_of_numbers_is_the_class_it_is_called_after_or_the_chosen_one() -> None:
    assert columns_of(sample("id,dog", "1,0.5"), PETS) == Columns(classes=(1,))
    assert columns_of(sample("id,label", "1,0.5"), PETS, "dogs") == Columns(classes=(1,))
    assert columns_of(sample("id,label", "1,0"), PETS, "Cat") == Columns(classes=(0,))
    assert columns_of(sample("id,dog", "1,0"), PETS, "dogs") == Columns(classes=(1,))
    assert columns_of(sample("id,collie", "1,"), BREEDS) == Columns(classes=(1,))


@pytest.mark.parametrize("column", ["label", "target", "has_cactus", "prediction"])
def test_which_class_is_meant_is_never_guessed(column: str) -> None:
    with pytest.raises(OptionError, match=f"which class does the column '{column}'.* --class; the classes are cats, dogs"):
        columns_of(sample(f"id,{column}", "1,0.5"), PETS)


def test_a_class_that_is_unknown_or_contradicts_the_column_is_an_error() -> None:
    with pytest.raises(OptionError, match="no class 'dgos'; the classes are cats, dogs") as caught:
        columns_of(sample("id,label", "1,0.5"), PETS, "dgos")
    assert caught.value.hint == "did you mean 'dogs'?"
    with pytest.raises(OptionError, match=r"class is 'cats', but the column 'dog' .* 'dogs'"):
        columns_of(sample("id,dog", "1,0.5"), PETS, "cats")
    with pytest.raises(OptionError, match="one column"):
        columns_of(sample("id,cats,dogs", "1,0.5,0.5"), PETS, "cats")


def test_several_columns_are_classes_in_the_order_of_the_sample() -> None:
    assert columns_of(sample("id,Great Dane,border_collie,COLLIE", "1,0,0,1"), BREEDS) == Columns(classes=(2, 0, 1))


def test_columns_that_are_not_the_classes_are_listed() -> None:
    with pytest.raises(DataError) as caught:
        columns_of(sample("id,collie,poodle,Collie", "1,0,0,1"), BREEDS)
    said = str(caught.value)
    assert "no class of the run is called 'poodle'" in said
    assert "there is no column for the class 'Border_collie', 'great dane'" in said
    assert "more than one column means the class 'collie'" in said
    assert "the classes are Border_collie" in str(caught.value.hint)
    with pytest.raises(DataError, match="no column for the class 'great dane'"):
        columns_of(sample("id,collie,border collie", "1,0,1"), BREEDS)


def test_a_column_of_class_names_asks_for_the_predicted_class() -> None:
    assert columns_of(sample("id,label", "1,dogs", "2,dogs"), PETS) == Columns(spelling=PETS)
    assert columns_of(sample("id,breed", "1,collie"), BREEDS) == Columns(spelling=BREEDS)


def test_classes_are_written_as_the_sample_writes_them_or_not_at_all() -> None:
    assert columns_of(sample("id,label", "1,Dog", "2,Cat", "3,Dog"), PETS) == Columns(spelling=("Cat", "Dog"))
    with pytest.raises(DataError, match=r"otherwise than the run \('Dog'\)"):
        columns_of(sample("id,label", "1,Dog"), PETS)
    with pytest.raises(DataError, match="otherwise than the run"):
        columns_of(sample("id,label", "1,Dog", "2,dog", "3,cat"), PETS)
    with pytest.raises(OptionError, match="asks for class names"):
        columns_of(sample("id,label", "1,dogs"), PETS, "dogs")


@pytest.mark.parametrize("rows", [["1,bird"], ["1,dogs", "2,bird"], ["1,dogs", "2,0.5"], ["1,dogs", "2,"], ["1,0.5 0.5"]])
def test_values_that_are_neither_numbers_nor_classes_are_an_error(rows: list[str]) -> None:
    with pytest.raises(DataError, match="neither only numbers nor only classes") as caught:
        columns_of(sample("id,label", *rows), PETS)
    assert caught.value.hint == "the classes are cats, dogs"


def test_classes_that_are_numbers() -> None:
    assert columns_of(sample("id,label", "1,0", "2,0"), DIGITS) == Columns(spelling=DIGITS)
    assert columns_of(sample("id,label", "1,0"), DIGITS, "2") == Columns(classes=(2,))
    assert columns_of(sample("id,0,1,2", "1,1,0,0"), DIGITS) == Columns(classes=(0, 1, 2))
    with pytest.raises(OptionError, match="which class"):
        columns_of(sample("id,label", "1,0"), ("0", "1"))
    assert columns_of(sample("id,label", "1,0"), ("0", "1"), "1") == Columns(classes=(1,))
