"""What a rule of decision does on images that were kept aside, beside answering the most probable class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.decision_rule import DecisionRule
from tellapart.evaluation.intervals import group_index, group_sums, share_interval
from tellapart.evaluation.loss_intervals import cost_columns, mean_interval
from tellapart.predictions import Predictions


def decision_scores(rule: DecisionRule, labeled: Predictions) -> dict[str, Any]:
    """``decision`` of a part of metrics.json.

    Args:
        rule: chosen on other images.
        labeled: images of known classes.
    """
    chosen, usual, targets = rule.chosen(labeled.probabilities), labeled.predicted, labeled.targets
    groups = np.array(labeled.groups, dtype=object)

    def share(values: BoolArray, among: BoolArray) -> dict[str, float] | None:
        return share_interval(values[among], groups[among].tolist()).as_dict() if among.any() else None

    everything = np.ones(len(chosen), dtype=bool)
    rows = [
        {
            "name": name,
            "recall": share(chosen == k, targets == k),
            "precision": share(targets == k, chosen == k),
            "usual_recall": share(usual == k, targets == k),
        }
        for k, name in enumerate(labeled.class_names)
    ]
    return {
        "source": rule.source,
        "n": len(chosen),
        "cost": _mean_cost(rule, labeled, chosen, None),
        "usual_cost": _mean_cost(rule, labeled, usual, None),
        "difference": _mean_cost(rule, labeled, chosen, usual),
        "accuracy": share(chosen == targets, everything),
        "unanswered": share(chosen >= len(labeled.class_names), everything),
        "changed": int((chosen != usual).sum()),
        "per_class": rows,
    }


def _mean_cost(rule: DecisionRule, labeled: Predictions, answers: IntArray, minus: IntArray | None) -> dict[str, float]:
    """The mean cost of an image by these answers, or how much it is above that by others."""
    costs: FloatArray = rule.costs[:, answers].T - (0.0 if minus is None else rule.costs[:, minus].T)
    index, num_groups = group_index(labeled.groups)
    sums = group_sums(cost_columns(labeled.probabilities, labeled.targets, costs), index, num_groups)
    return mean_interval(sums, lowest=0.0 if minus is None else -math.inf).as_dict()
