"""What ``tellapart evaluate`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import number, several, share, shown
from tellapart.cli.terminal import Answer, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.evaluate import EvaluateResult
    from tellapart.workflows.tta_options import TtaGain
from tellapart.cli.output.tables import alarm_words, decision_lines, percent_or_blank, signed_points, unusual_lines


def evaluate_output(result: EvaluateResult) -> Answer:
    """Accuracy and log loss with their intervals, the classes, and what was left out."""
    accuracy, log_loss = share(result.accuracy), number(result.log_loss)
    lines = [f"{count(result.n, 'image')}: accuracy {accuracy}, log loss {log_loss}"]
    lines += [
        f"  {c.name:<20} precision {percent_or_blank(c.precision)}  recall {percent_or_blank(c.recall)}  of {c.support:,}"
        if c.support or c.precision is not None
        else f"  {c.name:<20} no image of it, and none predicted as it"
        for c in result.per_class
    ]
    unknown = several([f"{name} {n:,}" for name, n in result.unknown_labels.items()])
    reasons = {
        "seen_in_training": "were in the training part",
        "near_duplicate_of_training": "are near-duplicates of training images",
        "group_in_training": "are of a group that was trained on",
        "unknown_class": f"are of classes the run does not know ({unknown})",
        "unlabeled": "have no label",
        "unreadable": "could not be read",
    }
    counts = {name: getattr(result, name) for name in reasons}
    lines += [f"{counts[name]:,} left out: they {reason}" for name, reason in reasons.items() if counts[name]]
    lines += unusual_lines(result.familiarity, result.prediction_sets) + decision_lines(result.decision)
    if strange := result.unknown_classes:
        lines.append(f"of the {count(strange.n, 'image')} of classes the run does not know are called unknown: {alarm_words(strange)}")
    page = [Styled(shown(result.report), before="report: ", bold=True)] if result.report else []
    return [*lines, *_tta_lines(result.tta), *page], result.as_dict()


def _tta_lines(gain: TtaGain | None) -> list[str]:
    """What several views changed, compared with one."""
    if gain is None:
        return []
    return [
        gain.verdict,
        f"  accuracy: {gain.accuracy.points()}, log loss: {signed_points(gain.log_loss)}",
        f"  right to wrong: {len(gain.right_to_wrong)}, wrong to right: {len(gain.wrong_to_right)}",
    ]
