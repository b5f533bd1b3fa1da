"""Scores of a decision rule on held-out images, beside those of answering the most probable class."""

from __future__ import annotations

import math

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.decision_rule import DecisionRule
from tellapart.evaluation.bootstrap import group_index, group_sums
from tellapart.evaluation.intervals import share_interval
from tellapart.evaluation.loss_intervals import cost_columns, mean_interval
from tellapart.interval import Interval
from tellapart.part_metrics import ClassAnswers, DecisionScores
from tellapart.predictions import Predictions


def decision_scores(rule: DecisionRule, labeled: Predictions) -> DecisionScores:
    """What a rule does on a part.

    Args:
        rule: chosen on other images.
        labeled: images of known classes.
    """
    chosen, usual, targets = rule.chosen(labeled.probabilities), labeled.predicted, labeled.targets
    groups = np.array(labeled.groups, dtype=object)

    def share(values: BoolArray, among: BoolArray) -> Interval | None:
        return share_interval(values[among], groups[among].tolist()) if among.any() else None

    return DecisionScores(
        source=rule.source,
        n=len(chosen),
        cost=_mean_cost(rule, labeled, chosen, None),
        usual_cost=_mean_cost(rule, labeled, usual, None),
        difference=_mean_cost(rule, labeled, chosen, usual),
        accuracy=share_interval(chosen == targets, labeled.groups),
        unanswered=share_interval(chosen >= len(labeled.class_names), labeled.groups),
        changed=int((chosen != usual).sum()),
        per_class=[
            ClassAnswers(
                name=name,
                recall=share(chosen == k, targets == k),
                precision=share(targets == k, chosen == k),
                usual_recall=share(usual == k, targets == k),
            )
            for k, name in enumerate(labeled.class_names)
        ],
    )


def _mean_cost(rule: DecisionRule, labeled: Predictions, answers: IntArray, minus: IntArray | None) -> Interval:
    """The mean cost of an image by these answers, or how much it is above that by others."""
    costs: FloatArray = rule.costs[:, answers].T - (0.0 if minus is None else rule.costs[:, minus].T)
    index, num_groups = group_index(labeled.groups)
    sums = group_sums(cost_columns(labeled.probabilities, labeled.targets, costs), index, num_groups)
    return mean_interval(sums, lowest=0.0 if minus is None else -math.inf)
