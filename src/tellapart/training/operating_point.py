"""Operating points: from the costs or the recall that a user asks for to a rule, chosen on out-of-fold predictions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.conformal import ConformalScale
from tellapart.counts import count
from tellapart.decision_rule import CostTable, DecisionRule, parse_recalls, read_costs, recall_rule
from tellapart.errors import OptionError, closest_name
from tellapart.evaluation.decision_scores import decision_scores
from tellapart.predictions import Predictions

if TYPE_CHECKING:
    from tellapart.training.options import TrainOptions
    from tellapart.training.recipe_evaluation import Evaluation

ROUNDS = 100
LARGEST_FACTOR = 1e6


class OperatingPoint:
    """What ``--costs`` and ``--recall`` ask for; a file of costs is read at once, so that errors in it are reported before the training.

    Args:
        options: of the training.
    """

    def __init__(self, options: TrainOptions) -> None:
        self._costs: CostTable | None = read_costs(options.costs) if options.costs is not None else None
        self._recalls = parse_recalls(options.recall) if options.recall else {}

    def check(self, class_names: Sequence[str]) -> None:
        """Check the names.

        Raises:
            OptionError: one is not a class.
        """
        if self._costs is not None:
            self._costs.rule(class_names)
        strange = [name for name in self._recalls if name not in class_names]
        if strange:
            hint = closest_name(strange[0], class_names) or f"the classes are {', '.join(class_names)}"
            raise OptionError("\n".join(f"recall: there is no class {name!r}" for name in strange), hint=hint)

    def applied(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation with the rule, and what it does on each reported part; as it is where nothing was asked for.

        Raises:
            OptionError: the recall cannot be reached.
        """
        rule = self._rule(evaluation.out_of_fold)
        if rule is None:
            return evaluation
        parts, reported = evaluation.metrics.parts, evaluation.predictions
        for part in parts:
            rows = np.flatnonzero(np.array([each == part for each in reported.parts], dtype=bool) & (reported.targets >= 0))
            if len(rows):
                parts[part] = replace(parts[part], decision=decision_scores(rule, reported.where(rows)))
        metrics = replace(evaluation.metrics, test=parts.get("test"), val=parts.get("val"))
        return replace(evaluation, classifier=replace(evaluation.classifier, decision=rule), metrics=metrics)

    def _rule(self, held: Predictions) -> DecisionRule | None:
        if self._costs is not None:
            return self._costs.rule(held.class_names)
        if not self._recalls:
            return None
        source = "recall " + ",".join(f"{name}={value:g}" for name, value in self._recalls.items())
        return recall_rule(held.class_names, recall_factors(held, self._recalls), source)


def recall_factors(held: Predictions, recalls: Mapping[str, float]) -> FloatArray:
    """The smallest factors of the classes' probabilities, float64 (k,), with which new images reach these recalls on average.

    Out of n groups of images of a class, the factor is the one that ``recall * (n + 1)`` of them need to be answered by their class, so the
    expected recall of new images like them is at least what is asked for (split conformal). Factors of classes that are not named are 1.

    Args:
        held: out-of-fold predictions.
        recalls: by class.

    Raises:
        OptionError: there are too few images, or the recalls contradict each other.
    """
    factors = np.ones(len(held.class_names))
    targets = {name: held.class_names.index(name) for name in recalls}
    for name, target in targets.items():
        scale = ConformalScale.of(np.zeros(0), []) if not (held.targets == target).any() else _needed(held, factors, target)
        if scale.smallest > 1 - recalls[name] + 1e-9:
            needed = int(np.ceil(recalls[name] / (1 - recalls[name]) - 1e-9))
            raise OptionError(
                f"recall: {name}={recalls[name]:g} needs {count(needed, 'different image')} of it out of fold, "
                f"and there are {scale.groups:,.0f}",
                hint=f"at most --recall {name}={np.floor(1000 * (1 - scale.smallest)) / 1000:g}",
            )
    for _ in range(ROUNDS):
        before = factors.copy()
        for name, target in targets.items():
            factors[target] = max(1.0, _smallest_factor(_needed(held, factors, target), recalls[name]))
        if np.allclose(factors, before, rtol=1e-9):
            return factors
        if factors.max() > LARGEST_FACTOR:
            break
    raise OptionError(
        f"recall: {', '.join(f'{name}={value:g}' for name, value in recalls.items())} cannot be reached together",
        hint="ask for less, or for one class, or give --costs",
    )


def _needed(held: Predictions, factors: FloatArray, target: int) -> ConformalScale:
    """The factors that out-of-fold images of a class need to be answered by it, next to the factors of the others."""
    rows = np.flatnonzero(held.targets == target)
    weighted = held.probabilities[rows] * factors
    weighted[:, target] = 0.0
    needed = weighted.max(axis=1) / np.maximum(held.probabilities[rows, target], 1e-12)
    return ConformalScale.of(needed, [held.groups[row] for row in rows.tolist()])


def _smallest_factor(scale: ConformalScale, recall: float) -> float:
    """The smallest factor above which at most ``1 - recall`` of new images need one."""
    above = np.append(np.cumsum(scale.weights[::-1], dtype=np.float64)[::-1][1:], 0.0)
    is_enough = (1 + above) / (1 + scale.groups) <= 1 - recall + 1e-9
    return float(scale.scores[int(is_enough.argmax())]) * (1 + 1e-6)
