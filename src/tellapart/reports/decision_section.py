"""The section about the answers by costs or recall: what they cost, and the recall and precision of each class, on reported images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.reports.number_format import count, percent_brief
from tellapart.reports.runfiles import PARTS, RunFiles


def decision_view(run: RunFiles) -> list[dict[str, Any]]:
    """One item for each reported part of a run with such a rule: a sentence, and a row of words for each class."""
    found = [(part, run.metrics[part].get("decision")) for part in run.parts]
    return [
        {"part": part, "title": PARTS[part], "source": rule["source"], "sentence": _sentence(rule), "rows": _rows(rule)}
        for part, rule in found
        if rule
    ]


def _sentence(rule: Mapping[str, Any]) -> str:
    words = f"{rule['changed']:,} of {count(rule['n'], 'image')} are answered otherwise than by the most probable class."
    if rule["source"].startswith("costs"):
        cost, gain = ({key: f"{rule[name][key]:.3f}" for key in ("value", "low", "high")} for name in ("cost", "difference"))
        words += f" An image costs {cost['value']} ({cost['low']} to {cost['high']}), and {rule['usual_cost']['value']:.3f} by the most "
        words += f"probable class, a difference of {gain['value']} ({gain['low']} to {gain['high']})."
    if rule["unanswered"]["value"]:
        words += f" Not answered: {percent_brief(rule['unanswered'])}."
    return words


def _rows(rule: Mapping[str, Any]) -> list[dict[str, str]]:
    keys = ("recall", "usual_recall", "precision")
    return [{"name": row["name"], **{key: percent_brief(row[key]) if row[key] else "–" for key in keys}} for row in rule["per_class"]]
