"""Zero-shot classification: probabilities of words for images, without training.

A CLIP knows any word. A classifier of ImageNet knows the names of its 1,000 classes and of some groups of them (``cats``, ``dogs``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.errors import ModelError
from tellapart.models.backbone_card import CLIP, PROBABILITIES, Backbone

NUM_IMAGENET_CLASSES = 1000


def is_clip(backbone: Backbone) -> bool:
    """Whether a network takes any word."""
    return backbone.card.architecture.startswith(CLIP)


def check_knows_words(backbones: Sequence[Backbone], words: Sequence[str] = ()) -> None:
    """Check that there is one network, and that it knows the words.

    Raises:
        ModelError: it knows none.
        OptionError: it knows ImageNet's, and one of these is not among them.
    """
    is_one = len(backbones) == 1
    if is_one and is_clip(backbones[0]):
        return
    if is_one and _is_imagenet(backbones[0]):
        from tellapart.models.imagenet_classes import imagenet_classes

        for word in words:
            imagenet_classes(word)
        return
    names = "+".join(backbone.card.name for backbone in backbones)
    raise ModelError(
        f"{names} has no text encoder",
        hint="imagenet knows its own classes, and a CLIP any word: clip:ViT-B-32, with weights of yours or from the hub",
    )


def zero_shot(backbone: Backbone, features: FloatArray, words: Sequence[str]) -> FloatArray:
    """Probabilities of words for images.

    Args:
        backbone: a CLIP or a classifier of ImageNet.
        features: what it saw, float32 (n, d).
        words: m of them.

    Returns:
        float64 (n, m + 1): of each word, and at the end of the likeliest single thing that no word names. A CLIP chooses among
        the words alone, so that the last is 0.

    Raises:
        ModelError: the network has no text encoder.
        OptionError: the classifier does not know one of these, or two mean the same.
    """
    check_knows_words([backbone])
    if is_clip(backbone):
        from tellapart.models.clip import word_features, word_probabilities

        probabilities = word_probabilities(features, *word_features(backbone, words))
        return np.hstack([probabilities, np.zeros((len(probabilities), 1))])
    from tellapart.models.imagenet_classes import imagenet_word_probabilities

    return imagenet_word_probabilities(features, words)


def _is_imagenet(backbone: Backbone) -> bool:
    return backbone.card.layer == PROBABILITIES and backbone.card.num_features == NUM_IMAGENET_CLASSES
