"""What ``tellapart evaluate`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tellapart.cli.formatting import number, share
from tellapart.cli.terminal import Answer
from tellapart.counts import count

if TYPE_CHECKING:
    pass
from tellapart.cli.output.tables import percent_or_blank, signed_points


def evaluate_output(numbers: dict[str, Any]) -> Answer:
    """Accuracy and log loss with their intervals, the classes, and what was left out."""
    lines = [f"{count(numbers['n'], 'image')}: accuracy {share(numbers['accuracy'])}, log loss {number(numbers['log_loss'])}"]
    lines += [
        f"  {c['name']:<20} precision {percent_or_blank(c['precision'])}  recall {percent_or_blank(c['recall'])}  of {c['support']:,}"
        for c in numbers["per_class"]
    ]
    left_out = {
        "seen_in_training": "were in the training part",
        "near_duplicate_of_training": "are near-duplicates of training images",
        "group_in_training": "are of a group that was trained on",
        "unknown_class": "are of a class the run does not know",
        "unlabeled": "have no label",
        "unreadable": "could not be read",
    }
    lines += [f"{numbers[key]:,} left out: they {why}" for key, why in left_out.items() if numbers[key]]
    return [*lines, *_views(numbers["views"])], numbers


def _views(found: Mapping[str, Any] | None) -> list[str]:
    """What several views changed, beside one."""
    if not found:
        return []
    gain = {key: 100 * value for key, value in found["accuracy"].items()}
    points = f"{gain['value']:+.1f} points ({gain['low']:+.1f} to {gain['high']:+.1f})"
    return [
        found["verdict"],
        f"  accuracy: {points}, log loss: {signed_points(found['log_loss'])}",
        f"  right to wrong: {len(found['right_to_wrong'])}, wrong to right: {len(found['wrong_to_right'])}",
    ]
