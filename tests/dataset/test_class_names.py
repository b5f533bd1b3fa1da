from __future__ import annotations

from tellapart.dataset.class_names import alike_names, spelled


def test_names_that_are_one_to_a_person_are_found() -> None:
    names = ["Cat", "dogs", "cat ", "dog", "sea lion", "sea_lion", "caf\u00e9", "cafe\u0301", "glass", "bus", "a", "as"]
    assert alike_names(names) == [["Cat", "cat "], ["dog", "dogs"], ["sea lion", "sea_lion"], ["caf\u00e9", "cafe\u0301"]]
    assert alike_names(["dogs", "dogs"]) == []


def test_letters_that_look_like_others_have_their_code_point() -> None:
    assert spelled("cat") == "'cat'"
    assert spelled("c\u0430t") == "'c\u0430t' ('c\\u0430t')"
