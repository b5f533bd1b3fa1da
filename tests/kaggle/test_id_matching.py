from __future__ import annotations

import unicodedata

import pytest

from tellapart.errors import DataError
from tellapart.kaggle.id_matching import files_of_ids


@pytest.mark.parametrize(
    ("ids", "paths", "matched_by"),
    [
        (["b/1.jpg", "a/1.jpg"], ["a/1.jpg", "b/1.jpg"], "path"),
        (["2.jpg", "1.jpg"], ["test/1.jpg", "test/2.jpg"], "file name"),
        (["2", "1"], ["1.jpg", "2.png"], "file name without suffix"),
        (["00a3", "00a2.x"], ["00a2.x.jpg", "00a3.jpg"], "file name without suffix"),
        (["2", "1"], ["test_0001.jpg", "test_0002.jpg"], "number in the file name"),
        (["02", "01"], ["1.jpg", "2.jpg"], "number in the file name"),
        (["2", "0"], ["dog.0.jpg", "dog.2.jpg"], "number in the file name"),
        ([" 2", "1 "], ["1.jpg", "2.jpg"], "file name without suffix"),
    ],
)
def test_ids_find_their_files_in_the_only_way_that_fits(ids: list[str], paths: list[str], matched_by: str) -> None:
    found = files_of_ids(ids, paths)
    assert found.matched_by == matched_by
    assert found.places == (1, 0)
    assert found.unused == ()


def test_names_in_any_script_match_however_their_accents_are_stored() -> None:
    decomposed = [unicodedata.normalize("NFD", name) for name in ("café.jpg", "Ångström.jpg", "山.jpg")]
    assert files_of_ids(["山", "café", "Ångström"], decomposed).places == (2, 0, 1)


def test_files_without_an_id_are_allowed_and_told() -> None:
    found = files_of_ids(["1", "2"], ["0.jpg", "1.jpg", "2.jpg", "readme.png"])
    assert found.places == (1, 2)
    assert found.unused == (0, 3)


def test_missing_files_are_named_with_the_files_that_have_no_id() -> None:
    with pytest.raises(DataError) as caught:
        files_of_ids([str(i) for i in range(1, 11)], ["1.jpg", "2.jpg", "x.jpg"])
    assert str(caught.value).splitlines() == [
        "8 of 10 ids have no file: '3', '4', '5', '6', '7' and 3 more",
        "1 of 3 files have no id: 'x.jpg'",
    ]
    assert "test images" in str(caught.value.hint)


def test_several_files_for_an_id_are_an_error() -> None:
    with pytest.raises(DataError, match=r"1 of 2 ids fit more than one file: '1' could be '1.jpg', '1.png'"):
        files_of_ids(["1", "2"], ["1.jpg", "1.png", "2.jpg"])
    with pytest.raises(DataError, match=r"'1.jpg' could be 'a/1.jpg', 'b/1.jpg'"):
        files_of_ids(["1.jpg"], ["a/1.jpg", "b/1.jpg"])


def test_several_ids_for_a_file_are_an_error() -> None:
    with pytest.raises(DataError, match=r"1 of 2 files fit more than one id: 'x1.jpg' could be '1', '01'"):
        files_of_ids(["1", "01", "2"], ["x1.jpg", "x2.jpg"])


def test_ways_that_disagree_are_an_error() -> None:
    with pytest.raises(DataError, match=r"two ways: by path, 'a.jpg' is 'a.jpg'; by file name without suffix, it is 'a.jpg.png'"):
        files_of_ids(["a.jpg"], ["a.jpg", "a.jpg.png"])


def test_a_name_with_two_numbers_is_not_known_by_one_of_them() -> None:
    with pytest.raises(DataError, match="1 of 1 id has no file"):
        files_of_ids(["1"], ["img_1_2.jpg"])


def test_a_whole_name_wins_over_a_number_that_several_share() -> None:
    found = files_of_ids(["1", "2"], ["1.jpg", "2.jpg", "copy 1.jpg"])
    assert found.matched_by == "file name without suffix"
    assert found.unused == (2,)
