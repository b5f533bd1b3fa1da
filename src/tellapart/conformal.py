"""Conformal p-values: how usual a score is among those of images that a model did not learn from.

Images of a group (near-duplicates, one camera, one person) say the same thing several times, so every group counts once, its images
by equal shares of it (Lee, Barber and Willett 2023, hierarchical conformal prediction). If the groups of the scale and that of a new
image are exchangeable, the p-value of the new image is at most ``a`` with a probability of at most ``a``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.counts import count
from tellapart.json_files import ShapeError, fields, real, several

SCALE_SHAPE = fields({"scores": several(real(), least=1), "weights": several(real(0, 1, is_above=True), least=1)})
"""What :class:`ScaleFields` look like in a file that is read."""


class ScaleFields(TypedDict):
    """A scale in a JSON file."""

    scores: list[float]
    weights: list[float]


@dataclass(frozen=True, eq=False)
class ConformalScale:
    """Scores of images that a model did not learn from; a higher score is stranger.

    Attributes:
        scores: float32 (m,), ascending.
        weights: float32 (m,), 1 divided by the number of images of its group; their sum is the number of groups.
    """

    scores: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, scores: FloatArray, groups: Sequence[str]) -> ConformalScale:
        """The scale of scores, float (m,), of images in groups, m names."""
        sizes = Counter(groups)
        weights = np.array([1 / sizes[group] for group in groups], dtype=np.float32)
        values = np.asarray(scores, dtype=np.float32)
        order = np.argsort(values, kind="stable")
        return cls(values[order], weights[order])

    @classmethod
    def checked(cls, scores: FloatArray, weights: FloatArray, name: str) -> ConformalScale:
        """The scale that a file holds as two float32 arrays (m,).

        Raises:
            ShapeError: it is not a scale; the message begins with ``name``.
        """
        if len(scores) != len(weights) or not len(scores):
            raise ShapeError(
                f"{name} has {count(len(scores), 'score')} and {count(len(weights), 'weight')}, which are not as many, or none"
            )
        if (np.diff(scores) < 0).any() or not ((weights > 0) & (weights <= 1)).all():
            raise ShapeError(f"{name} holds values that cannot be used: its scores do not ascend, or a weight is not above 0 and at most 1")
        return cls(scores, weights)

    @classmethod
    def from_fields(cls, known: ScaleFields) -> ConformalScale:
        """The scale that a file holds, of :data:`SCALE_SHAPE`.

        Raises:
            ShapeError: see :meth:`checked`.
        """
        scores, weights = (np.array(known[name], dtype=np.float32) for name in ("scores", "weights"))
        return cls.checked(scores, weights, "the scale")

    def as_fields(self) -> ScaleFields:
        """The scale for a file; it is the same when it is read."""
        scores, weights = ([float(f"{value:.9g}") for value in values.tolist()] for values in (self.scores, self.weights))
        return {"scores": scores, "weights": weights}

    def __len__(self) -> int:
        return len(self.scores)

    @cached_property
    def groups(self) -> float:
        """The number of groups."""
        return float(np.round(self.weights.sum(dtype=np.float64), 3))

    @property
    def smallest(self) -> float:
        """The smallest p-value that any score has."""
        return smallest_p_value(self.groups)

    def p_values(self, scores: FloatArray) -> FloatArray:
        """The share of groups whose scores are at least as high, float64 in (0, 1], of scores float (...).

        The new image counts as one of them, so it is never 0.
        """
        from_here = np.append(np.cumsum(self.weights[::-1], dtype=np.float64)[::-1], 0.0)
        at = np.searchsorted(self.scores, np.asarray(scores, dtype=np.float32), side="left")
        return np.minimum(1.0, (1 + from_here[at]) / (1 + self.groups))


def smallest_p_value(groups: float) -> float:
    """The smallest p-value on a scale of so many groups: 1 / (groups + 1)."""
    return 1 / (groups + 1)


def true_class_scale(probabilities: FloatArray, targets: IntArray, groups: Sequence[str]) -> ConformalScale:
    """The scale for :func:`prediction_sets`: how little probability the true class had, of images that the model did not learn from.

    Args:
        probabilities: float (n, k).
        targets: the true classes, int (n,); rows of -1 are left out.
        groups: n names.
    """
    known = np.flatnonzero(targets >= 0)
    own = np.asarray(probabilities, dtype=np.float64)[known, targets[known]]
    return ConformalScale.of(1 - own, [groups[row] for row in known.tolist()])


def prediction_sets(probabilities: FloatArray, scale: ConformalScale, coverage: float) -> BoolArray:
    """The smallest sets of classes that hold the true class with a probability of ``coverage``: bool (n, k).

    A class is in the set if its probability is not among the smallest that true classes had (Sadinle, Lei and Wasserman 2019). The most
    probable class always is, so that no set is empty.

    Args:
        probabilities: float (n, k).
        scale: of the true classes, see :func:`true_class_scale`.
        coverage: 0 to 1.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    sets = scale.p_values(1 - values) > 1 - coverage
    sets[np.arange(len(sets)), values.argmax(axis=1)] = True
    return np.asarray(sets)
