"""Words for the 1,000 classes of ImageNet: which a word means, and what mean probabilities look like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.errors import OptionError, closest_name

if TYPE_CHECKING:
    from tellapart.models.backbone_card import Backbone

GROUPS = {
    "cat": ((281, 285),),
    "big cat": ((286, 293),),
    "dog": ((151, 268),),
    "bird": ((7, 24), (80, 100), (127, 146)),
    "fish": ((0, 6), (389, 397)),
    "shark": ((2, 4),),
    "snake": ((52, 68),),
    "spider": ((72, 77),),
    "bear": ((294, 297),),
    "insect": ((300, 326),),
    "butterfly": ((321, 326),),
    "rabbit": ((330, 332),),
    "monkey": ((365, 384),),
    "car": ((436, 436), (468, 468), (511, 511), (609, 609), (627, 627), (656, 656), (661, 661), (717, 717), (751, 751), (817, 817)),
}
"""First and last class of things whose classes do not carry their name."""

MOST_WORDS, LEAST_SHARE = 3, 0.03


def imagenet_classes(word: str) -> tuple[int, ...]:
    """The classes of ImageNet a word names: ``cats``, ``dog``, ``school bus``, or a wnid such as ``n02123045``.

    Raises:
        OptionError: none; the hint is the closest name.
    """
    info = _classes()
    phrase = " ".join(word.lower().replace("_", " ").split())
    names: dict[str, set[int]] = {}
    for number in range(info.num_classes()):
        names.setdefault(info.index_to_label_name(number), set()).add(number)
        for name in info.index_to_description(number).lower().split(", "):
            names.setdefault(name, set()).add(number)
    for form in _singulars(phrase):
        if form in GROUPS:
            return tuple(number for first, last in GROUPS[form] for number in range(first, last + 1))
        matches = {number for name, numbers in names.items() if re.search(rf"(^|\s){re.escape(form)}$", name) for number in numbers}
        if form and matches:
            return tuple(sorted(matches))
    raise OptionError(
        f"the packaged network has no class {word!r}",
        hint=closest_name(phrase, [*GROUPS, *names]) or "--target faces, --target subject, or the name of an ImageNet class such as cats",
    )


def _singulars(word: str) -> list[str]:
    """A word as it is, and what it may be the plural of."""
    forms = [word]
    forms += [word[: -len(end)] + instead for end, instead in (("ies", "y"), ("es", ""), ("s", "")) if word.endswith(end)]
    return forms


@cache
def imagenet_names() -> tuple[str, ...]:
    """The first name of each of the 1,000 classes."""
    info = _classes()
    return tuple(str(info.index_to_description(number)).partition(",")[0] for number in range(info.num_classes()))


def likely_words(mean: FloatArray, words: Sequence[str]) -> list[str]:
    """The most probable of m words by mean probabilities (m,): at most three, of 3 % or more."""
    return [words[int(i)] for i in np.argsort(-mean, kind="stable")[:MOST_WORDS] if mean[i] >= LEAST_SHARE]


def class_probabilities(classifier: Backbone, pooled: FloatArray) -> FloatArray:
    """What a classifier says of images, from what its backbone gives its last layer.

    Args:
        classifier: a network with its classifier.
        pooled: features of the same network without it, float32 (n, d); where they are averaged with the mirror image's, so are the logits.

    Returns:
        float32 (n, 1000), rows sum to 1.
    """
    state = classifier.state()
    weight, bias = (state[f"classifier.{name}"].float().numpy() for name in ("weight", "bias"))
    logits = pooled @ weight.T + bias
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def imagenet_word_probabilities(probabilities: FloatArray, words: Sequence[str]) -> FloatArray:
    """What of the probabilities (n, 1000) falls on the classes each word names, and at the end on the likeliest class that none does.

    Returns:
        float64 (n, m + 1).

    Raises:
        OptionError: a word names no class, or two words name the same.
    """
    classes = {word: imagenet_classes(word) for word in words}
    named = [number for one in classes.values() for number in one]
    if len(named) > len(set(named)):
        first, second = next((a, b) for i, a in enumerate(words) for b in words[i + 1 :] if set(classes[a]) & set(classes[b]))
        raise OptionError(f"{first!r} and {second!r} name the same things", hint="leave one of them out")
    others = np.delete(probabilities, named, axis=1).max(axis=1)
    return np.stack([*(probabilities[:, list(classes[word])].sum(axis=1, dtype=np.float64) for word in words), others], axis=1)


def _classes() -> Any:
    from timm.data.imagenet_info import ImageNetInfo

    return ImageNetInfo()
