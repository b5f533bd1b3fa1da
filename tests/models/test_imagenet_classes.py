from __future__ import annotations

import numpy as np
import pytest

from tellapart.errors import OptionError
from tellapart.models.imagenet_classes import imagenet_classes, imagenet_names, imagenet_word_probabilities, likely_words


@pytest.mark.parametrize(
    ("word", "classes"),
    [
        ("cats", tuple(range(281, 286))),
        ("dog", tuple(range(151, 269))),
        ("Butterflies", tuple(range(321, 327))),
        ("school_bus", (779,)),
        ("buses", (779,)),
        ("n02123045", (281,)),
        ("daisies", (985,)),
        ("fox", (277, 278, 279, 280)),
    ],
)
def test_words_name_classes(word: str, classes: tuple[int, ...]) -> None:
    assert imagenet_classes(word) == classes


def test_an_unknown_word_gets_the_closest() -> None:
    with pytest.raises(OptionError, match="no class 'daisi'") as caught:
        imagenet_classes("daisi")
    assert caught.value.hint is not None
    assert "daisy" in caught.value.hint
    with pytest.raises(OptionError):
        imagenet_classes("")


def test_what_falls_on_the_classes_of_a_word() -> None:
    probabilities = np.zeros((2, 1000), np.float32)
    probabilities[0, [281, 285, 293]] = 0.5, 0.25, 0.25
    probabilities[1, 277] = 1
    found = imagenet_word_probabilities(probabilities, ["cats", "cheetah", "lion"])
    np.testing.assert_allclose(found, [[0.75, 0.25, 0, 0], [0, 0, 0, 1]])
    with pytest.raises(OptionError, match="'cat' and 'tabby' name the same things"):
        imagenet_word_probabilities(probabilities, ["fox", "cat", "tabby"])


def test_likely_words_are_few_and_likely() -> None:
    mean = np.zeros(1000, np.float32)
    mean[[293, 288, 5]] = 0.7, 0.2, 0.02
    assert likely_words(mean, imagenet_names()) == ["cheetah", "leopard"]
    assert likely_words(np.array([0.2, 0.3, 0.1, 0.4]), ["a", "b", "c", "d"]) == ["d", "b", "a"]
