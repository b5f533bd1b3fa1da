"""Scores of the conformal methods on held-out images: false alarms of familiarity, coverage and size of prediction sets."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import BoolArray, FloatArray
from tellapart.evaluation.intervals import share_interval
from tellapart.part_metrics import FalseAlarms, FamiliarityScores, SetScores, StrangeImage
from tellapart.predictions import Predictions

ALARMS = (0.01, 0.05)
COVERAGE = 0.95
STRANGEST = 12


def familiarity_scores(familiarity: FloatArray, labeled: Predictions) -> FamiliarityScores:
    """The share of images called unknown at each level, and the strangest images.

    Args:
        familiarity: p-values of the images, float (n,).
        labeled: images of known classes.
    """
    order = np.argsort(familiarity, kind="stable")[:STRANGEST].tolist()
    groups = labeled.groups
    return FamiliarityScores(
        n=len(labeled),
        false_alarms=[FalseAlarms(level, share_interval(familiarity <= level, groups)) for level in ALARMS],
        strangest=[StrangeImage(labeled.image_ids[i], labeled.paths[i], float(familiarity[i])) for i in order],
    )


def set_scores(sets: BoolArray, labeled: Predictions, coverage: float = COVERAGE) -> SetScores:
    """How often the true class is in its set, and how large the sets are.

    Args:
        sets: of the images, bool (n, k).
        labeled: images of known classes.
        coverage: that was asked for.
    """
    sizes = sets.sum(axis=1)
    return SetScores(
        coverage=coverage,
        n=len(labeled),
        measured=share_interval(sets[np.arange(len(sets)), labeled.targets], labeled.groups),
        mean_size=float(sizes.mean()),
        single=float((sizes == 1).mean()),
    )
