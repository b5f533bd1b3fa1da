"""The section about the answers by costs or recall: what they cost, and the recall and precision of each class, on reported images."""

from __future__ import annotations

from typing import TypedDict

from tellapart.interval import Interval
from tellapart.part_metrics import DecisionScores
from tellapart.reports.number_format import PARTS, count, percent_brief
from tellapart.run_folder import RunContent


class ClassAnswersView(TypedDict):
    """Recall and precision of a class, in words."""

    name: str
    recall: str
    usual_recall: str
    precision: str


class DecisionView(TypedDict):
    """The section on one reported part."""

    part: str
    title: str
    source: str
    sentence: str
    rows: list[ClassAnswersView]


def decision_view(run: RunContent) -> list[DecisionView]:
    """One item for each reported part of a run with such a rule: a sentence, and a row of words for each class."""
    rules = [(name, part.decision) for name, part in run.metrics.parts.items()]
    return [
        {"part": name, "title": PARTS[name], "source": rule.source, "sentence": _sentence(rule), "rows": _rows(rule)}
        for name, rule in rules
        if rule
    ]


def _sentence(rule: DecisionScores) -> str:
    words = f"{rule.changed:,} of {count(rule.n, 'image')} are answered otherwise than by the most probable class."
    if rule.is_by_costs:
        words += f" An image costs {_cost(rule.cost)}, and {rule.usual_cost.value:.3f} by the most "
        words += f"probable class, a difference of {_cost(rule.difference)}."
    if rule.unanswered.value:
        words += f" Not answered: {percent_brief(rule.unanswered.as_dict())}."
    return words


def _cost(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _rows(rule: DecisionScores) -> list[ClassAnswersView]:
    return [
        {"name": row.name, "recall": _share(row.recall), "usual_recall": _share(row.usual_recall), "precision": _share(row.precision)}
        for row in rule.per_class
    ]


def _share(interval: Interval | None) -> str:
    return percent_brief(interval.as_dict()) if interval else "–"
