"""What one decoding tells of an image: too small, blurred, dark, bright, flat, oddly shaped, gray.

Each rule measures one amount, and the score is ``x^p / (x^p + border^p)``: 0 for nothing of it, one half exactly at the
border, towards 1 beyond. So scores keep the order of the amounts, and :data:`tellapart.curation.issues.BORDER` divides.
The borders were set on photos of animals, people and clothes, of which each flags less than one in a hundred
(docs/log.md, "Check").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.dataset.catalog import ImageFacts

EDGELESS_BITS = 3.0
"""Images with less entropy have too little in them to be called blurred or sharp."""


@dataclass(frozen=True)
class Rule:
    """An amount, of which too little is an issue.

    Attributes:
        amount: from the facts of an image; not negative. None where it cannot be told.
        border: the least that is well.
        steepness: the power p.
    """

    amount: Callable[[ImageFacts], float | None]
    border: float
    steepness: float = 2.0

    def score(self, facts: ImageFacts) -> float:
        """In [0, 1]; NaN where the amount cannot be told."""
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
