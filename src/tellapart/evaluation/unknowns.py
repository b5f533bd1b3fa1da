"""What familiarity and prediction sets do on images that were kept aside: false alarms, coverage, size."""

from __future__ import annotations

from typing import Any

import numpy as np

from tellapart.array_types import BoolArray, FloatArray
from tellapart.evaluation.intervals import share_interval
from tellapart.predictions import Predictions

ALARMS = (0.01, 0.05)
COVERAGE = 0.95
STRANGEST = 12


def familiarity_scores(familiarity: FloatArray, labeled: Predictions) -> dict[str, Any]:
    """``familiarity`` of a part of metrics.json: the share of images called unknown at each level, and the strangest images.

    Args:
        familiarity: p-values of the images, float (n,).
        labeled: images of known classes.
    """
    order = np.argsort(familiarity, kind="stable")[:STRANGEST].tolist()
    groups = labeled.groups
    return {
        "n": len(labeled),
        "false_alarms": [{"unknown": level, "measured": share_interval(familiarity <= level, groups).as_dict()} for level in ALARMS],
        "strangest": [{"image_id": labeled.image_ids[i], "path": labeled.paths[i], "familiarity": float(familiarity[i])} for i in order],
    }


def set_scores(sets: BoolArray, labeled: Predictions, coverage: float = COVERAGE) -> dict[str, Any]:
    """``prediction_sets`` of a part of metrics.json: how often the true class is in its set, and how large the sets are.

    Args:
        sets: of the images, bool (n, k).
        labeled: images of known classes.
        coverage: that was asked for.
    """
    sizes = sets.sum(axis=1)
    return {
        "coverage": coverage,
        "n": len(labeled),
        "measured": share_interval(sets[np.arange(len(sets)), labeled.targets], labeled.groups).as_dict(),
        "mean_size": float(sizes.mean()),
        "single": float((sizes == 1).mean()),
    }
