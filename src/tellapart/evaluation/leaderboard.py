"""Leaderboard: models ranked on the images they have in common, each paired with the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tellapart.evaluation.comparison import Comparison, compare
from tellapart.evaluation.intervals import DRAWS
from tellapart.interval import Interval
from tellapart.predictions import Predictions
from tellapart.results import Result

BEST, LEVEL, WORSE, MIXED = "best", "no significant difference", "worse", "mixed"
"""How a model stands to the best of its group."""


@dataclass(frozen=True)
class Rank(Result):
    """The place of one model among those evaluated on the same images.

    Attributes:
        name: of the model.
        standing: ``best``: it has the lowest log loss; else whether accuracy or log loss differ significantly from it:
            ``no significant difference``, ``worse``, or ``mixed`` (better in one, worse in the other).
        accuracy: difference in accuracy to the best; None for the best.
        log_loss: difference in log loss to the best; None for the best.
        p_value: of the exact McNemar test of equal accuracy; None for the best.
    """

    name: str
    standing: str
    accuracy: Interval | None = None
    log_loss: Interval | None = None
    p_value: float | None = None


def same_images(predictions: Mapping[str, Predictions]) -> list[list[str]]:
    """Names of the models that predicted exactly the same labeled images of the same classes; largest groups first."""
    groups: dict[Any, list[str]] = {}
    for name, one in predictions.items():
        images = sorted(zip(one.image_ids, one.paths, one.labels, strict=True), key=str)
        groups.setdefault((tuple(sorted(one.class_names)), tuple(images)), []).append(name)
    return sorted(groups.values(), key=len, reverse=True)


def ranking(predictions: Mapping[str, Predictions], losses: Mapping[str, float], *, draws: int = DRAWS) -> list[Rank]:
    """Models on the same images, the lowest log loss first, each compared with the best on each image.

    Args:
        predictions: of each model, of the same labeled images.
        losses: their log losses, in nats.
        draws: bootstrap draws of the intervals.
    """
    order = sorted(predictions, key=lambda name: (losses[name], name))
    best = replace(predictions[order[0]], source=order[0])
    ranks = [Rank(order[0], BEST)]
    for name in order[1:]:
        found = compare(best, replace(predictions[name], source=name), draws=draws)
        ranks.append(Rank(name, _standing(found), found.accuracy, found.log_loss, found.p_value))
    return ranks


def _standing(found: Comparison) -> str:
    signs: Sequence[int] = [
        0 if found.p_value >= 0.05 else (1 if found.accuracy.value > 0 else -1),
        0 if not found.log_loss.excludes_zero else (-1 if found.log_loss.value > 0 else 1),
    ]
    if 1 in signs:
        return MIXED
    return WORSE if -1 in signs else LEVEL
