"""What ``--recipe auto`` tries, in this order, and the time it takes, estimated from measured speeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.dataset.file_rows import FileRow
from tellapart.feature_spec import FeatureSpec
from tellapart.features.extraction_rates import known_rate
from tellapart.models.backbone_card import Backbone
from tellapart.models.devices import used_device
from tellapart.models.efficientnet_lite_weights import PACKAGED

SQUARE = 1.05
"""Images whose longer side is at most this many times the shorter one count as square."""
FEW = 0.05
"""Share of images that are not square below which crop, pad and squash are not compared."""
LARGER, STEP, SMALLEST = 1.25, 32, 96
TRAINED_OVER_COMPUTED = 8.4
"""What training on an image costs over computing its features once (docs/log.md, 2026-11-21: 70 against 590 images a second)."""


@dataclass(frozen=True)
class ProbeTrial:
    """A linear probe on other features than the usual ones.

    Attributes:
        backbones: networks whose features are joined.
        resize: resize policy.
        mirror: whether features are averaged with those of the mirror image.
        image_size: side of the input in pixels; None for the networks' own.
    """

    backbones: tuple[Backbone, ...]
    resize: str
    mirror: bool = True
    image_size: int | None = None

    def spec(self, device: str, precision: str) -> FeatureSpec:
        """The features it needs."""
        return FeatureSpec(tuple(b.sized(self.image_size) for b in self.backbones), self.resize, self.mirror).computed(device, precision)

    @property
    def name(self) -> str:
        """What the report calls it."""
        words = ["probe on " + "+".join(b.card.name for b in self.backbones), self.resize]
        words += [f"{self.image_size} px"] * (self.image_size is not None) + ["not mirrored"] * (not self.mirror)
        return ", ".join(words)


@dataclass
class Tried:
    """The result of a trial: a row of the report.

    Attributes:
        name: of the trial.
        seconds: what it took, without what lay in the cache.
        log_loss: out of fold; None where it was not tried to the end.
        reason: why it was left out; empty where it was tried.
        weight: in the model that is saved.
    """

    name: str
    seconds: float = 0.0
    log_loss: float | None = None
    reason: str = ""
    weight: float = 0.0


def are_square(rows: Sequence[FileRow]) -> bool:
    """Whether nearly all used images are square, so that crop, pad and squash give the same."""
    sides = [(row.width, row.height) for row in rows if row.is_used and row.width and row.height]
    return sum(max(pair) > SQUARE * min(pair) for pair in sides) <= FEW * len(sides)


def other_size(rows: Sequence[FileRow], native: int) -> int | None:
    """The input size to try beside the native one: larger, or about that of the images where they are small; None if that is no other."""
    shorter = [min(row.width, row.height) for row in rows if row.is_used and row.width and row.height]
    if not shorter:
        return None
    larger, typical = round(native * LARGER / STEP) * STEP, float(np.median(shorter))
    size = larger if typical >= native else max(SMALLEST, round(typical / STEP) * STEP)
    return size if abs(size - native) >= STEP else None


def packaged_names(base: Sequence[str]) -> list[str]:
    """The packaged backbones that are installed and not among those given."""
    return [name for name, weights in PACKAGED.items() if name not in base and weights.path() is not None]


def image_seconds(backbone: Backbone, device: str, *, mirror: bool = True) -> float | None:
    """Seconds that the features of an image take here, as measured at this size or from another packaged network; None if unknown."""
    card, device = backbone.card, used_device(device)
    for name, size in [(card.name, card.image_size), *((name, weights.image_size) for name, weights in PACKAGED.items())]:
        rate = known_rate(name, size, device, mirror=mirror)
        if rate is not None:
            return (card.image_size / size) ** 2 / rate
    return None


def network_seconds(n: int, n_all: int, epochs: float, folds: int, an_image: float) -> float:
    """Estimated seconds of a fine-tuning.

    Args:
        n: training images.
        n_all: all images, which each network predicts.
        epochs: passes over the training images.
        folds: number of networks; 1 learns from four fifths.
        an_image: seconds for the features of an image and its mirror image.
    """
    num_images = n * epochs * (folds - 1 if folds > 1 else 0.8)
    return an_image / 2 * (num_images * TRAINED_OVER_COMPUTED + folds * n_all)
