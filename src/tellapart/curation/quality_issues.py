"""Quality issues from image statistics: too small, blurred, dark, bright, flat, odd aspect ratio, gray.

Each rule measures one amount x, and the score is ``x^p / (x^p + border^p)``: 0 for x = 0, one half at the border, towards 1
above it. So scores have the order of the amounts, and :data:`tellapart.curation.issues.BORDER` is the threshold.
The borders were set on photos of animals, people and clothes, of which each rule flags less than one in a hundred
(docs/log.md, "Check").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.curation.duplicate_groups import BOUNDARY, DuplicateGroup
from tellapart.dataset.catalog import ImageFacts

EDGELESS_BITS = 3.0
"""Images with less entropy (in bits) have too few edges to be called blurred or sharp."""


@dataclass(frozen=True)
class Rule:
    """An amount, of which too little is an issue.

    Attributes:
        amount: from the facts of an image, not negative; None if undefined.
        border: amounts below it are an issue.
        steepness: the power p.
    """

    amount: Callable[[ImageFacts], float | None]
    border: float
    steepness: float = 2.0

    def score(self, facts: ImageFacts) -> float:
        """The score in [0, 1]; NaN if the amount is undefined."""
        amount = self.amount(facts)
        if amount is None:
            return float("nan")
        part = float((amount / self.border) ** self.steepness)
        return part / (1.0 + part)


def _acutance(facts: ImageFacts) -> float | None:
    return facts.acutance if facts.entropy >= EDGELESS_BITS else None


RULES = {
    "small": Rule(lambda facts: min(facts.width, facts.height), 64),
    "blurred": Rule(_acutance, 1.05, 4.0),
    "dark": Rule(lambda facts: facts.brightest, 75),
    "bright": Rule(lambda facts: 255 - facts.darkest, 60),
    "flat": Rule(lambda facts: facts.entropy, 3.0, 4.0),
    "odd_aspect": Rule(lambda facts: min(facts.width, facts.height) / max(facts.width, facts.height), 1 / 3),
    "gray": Rule(lambda facts: facts.chroma, 12),
}


def appearance_scores(name: str, facts: Sequence[ImageFacts | None]) -> FloatArray:
    """Scores of one rule for n files, float64 (n,): low = worse, NaN for files without facts."""
    rule = RULES[name]
    return np.array([float("nan") if one is None else rule.score(one) for one in facts], np.float64)


LEAST_FILES, LEAST_NAMES = 3, 3
GRAPHIC_BITS = 5.5
"""Entropy below which an image is a graphic: fewer than one in twenty photos, but nearly all signs and logos are below it."""


def placeholder_groups(groups: Iterable[DuplicateGroup], facts: Mapping[str, ImageFacts], names: Mapping[str, str]) -> list[DuplicateGroup]:
    """The groups of duplicates that are placeholders.

    An image is a placeholder if it occurs in at least three files and is a plain graphic or occurs under at least three names.

    Args:
        groups: exact and near-duplicates.
        facts: image facts by image id.
        names: by path, the search keyword or class of each file.
    """
    return [group for group in groups if group.kind != BOUNDARY and _is_placeholder(group, facts, names)]


def _is_placeholder(group: DuplicateGroup, facts: Mapping[str, ImageFacts], names: Mapping[str, str]) -> bool:
    if len(group.paths) < LEAST_FILES:
        return False
    different = {names[path] for path in group.paths if path in names}
    return len(different) >= LEAST_NAMES or _is_graphic([facts[image_id] for image_id in group.image_ids])


def _is_graphic(facts: Sequence[ImageFacts]) -> bool:
    """Whether most of the copies are graphics rather than photos."""
    return 2 * sum(one.entropy < GRAPHIC_BITS for one in facts) > len(facts)
