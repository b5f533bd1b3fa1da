"""Lines that several commands print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, first_lines, number, share
from tellapart.cli.terminal import Line, Styled
from tellapart.counts import count
from tellapart.durations import duration_text
from tellapart.part_metrics import DecisionScores, FamiliarityScores, SetScores

if TYPE_CHECKING:
    from tellapart.interval import Interval
    from tellapart.part_metrics import ReportedPart
    from tellapart.run_metrics import DoubledTraining, LeakEffect, RunMetrics, SearchSummary, SplitSensitivity
    from tellapart.workflows.projection_page import MapTrust


def left_out_lines(left_out: Mapping[str, str]) -> list[str]:
    """Files left out, each with its reason."""
    listed = [f"  {path}  ({reason})" for path, reason in left_out.items()]
    return [f"{len(listed):,} left out:", *first_lines(listed)] if listed else []


def trust_lines(trust: MapTrust) -> list[str]:
    """How far to trust a map, in one or two lines."""
    lines = []
    if trust.neighbors_kept is not None:
        lines.append(f"  of an image's {trust.k} nearest, {100 * trust.neighbors_kept:.0f} % are among its nearest on the map")
    if trust.knn_2d and trust.knn_full:
        lines.append(f"  class by the nearest: on the map {share(trust.knn_2d)}, in the whole space {share(trust.knn_full)}")
    return lines


def search_lines(search: SearchSummary | None) -> list[str]:
    """What ``--recipe auto`` tried: the log loss of each out of fold, its weight in the model, and what it cost."""
    if search is None:
        return []
    head = ["tried", "log loss out of fold", "weight", "time", ""]
    rows = [
        [
            trial.name,
            "" if trial.log_loss is None else f"{trial.log_loss:.4f}",
            f"{trial.weight:.0%}" if trial.weight else "",
            duration_text(trial.seconds),
            trial.reason,
        ]
        for trial in search.trials
    ]
    return [*aligned([head, *rows]), *search.findings]


PART_WORDS = {"test": "test images, never seen in training", "val": "images of your validation folder"}


def ladder_lines(name: str, part: ReportedPart) -> list[Line]:
    """The baselines and the model on one reported part, with intervals."""
    width = max(24, *(len(rung.name) for rung in part.rungs))
    rows: list[Line] = [f"{part.n:,} {PART_WORDS[name]}", f"  {'':<{width}} {'accuracy (95 %)':<28} log loss (95 %)"]
    for rung in part.rungs:
        line = f"  {rung.name:<{width}} {share(rung.accuracy):<28} {number(rung.log_loss)}"
        rows.append(Styled(line, bold=True) if rung is part.rungs[-1] else line)
    from tellapart.evaluation.intervals import effective_size_sentence

    if sentence := effective_size_sentence(part):
        rows.append(f"  {sentence}")
    return rows


def training_lines(metrics: RunMetrics) -> list[str]:
    """What the training of a network took, and how far its folds agree."""
    cost = metrics.training
    if cost is None:
        return []
    lines = [f"trained for {duration_text(cost.seconds)}: {count(cost.images, 'image')}, {cost.images_per_s:,.0f} a second"]
    members = metrics.selection.members if metrics.selection else []
    if len(members) > 1:
        accuracies = [member.accuracy for member in members]
        mean = sum(accuracies) / len(accuracies)
        lines.append(
            f"{count(len(accuracies), 'fold')}, each evaluated by the network that was not trained on it:"
            f" accuracy {percent_or_blank(mean)} on average ({100 * min(accuracies):.1f} to {100 * max(accuracies):.1f})"
        )
    return lines


def split_variance_lines(sensitivity: SplitSensitivity | None) -> list[str]:
    """What other splits of the same images would have said."""
    if sensitivity is None:
        return []
    spread, first = sensitivity.accuracy, sensitivity.first
    others = f"{count(len(sensitivity.splits), 'other split')} of {sensitivity.images('photos')}"
    more = "; the model above learned from more photos" if sensitivity.sample is not None else ""
    return [
        f"{others}: accuracy {percent_or_blank(spread.low)} to {percent_or_blank(spread.high)};"
        f" the first {count(first.per_class, 'file')} of each class would have given {percent_or_blank(first.accuracy.value)}{more}"
    ]


def learning_curve_lines(twice: DoubledTraining | None) -> list[str]:
    """What more images are expected to be worth."""
    if twice is None:
        return []
    gain = twice.gain
    return [
        f"twice the training photos ({twice.n_train:,}) would be worth about {100 * gain.value:+.1f} points of accuracy"
        f" ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    ]


def leak_lines(leak: LeakEffect | None) -> list[str]:
    """How much near-duplicates across the split would have inflated the score."""
    if leak is None:
        return []
    naive, honest = leak.naive.accuracy.value, leak.honest.accuracy.value
    return [
        f"{count(leak.images, 'training photo')} are also in your {leak.part} folder and were left out:"
        f" with them {percent_or_blank(naive)}, honestly {percent_or_blank(honest)}"
    ]


def signed_points(interval: Interval) -> str:
    """``+0.0123 (-0.0010 to +0.0250)``."""
    return f"{interval.value:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


def percent_or_blank(value: float | None) -> str:
    """``98.9 %``, or nothing where there is no value."""
    return "" if value is None else f"{100 * value:.1f} %"


def decision_lines(scores: DecisionScores | None) -> list[str]:
    """What the answers by costs or recall do on a part, beside the most probable class."""
    if scores is None:
        return []
    lines = [f"answers by {scores.source}: {scores.changed:,} of {count(scores.n, 'image')} differ from the most probable class"]
    if scores.is_by_costs:
        usual = f"{scores.usual_cost.value:.3f} by the most probable class"
        difference = f"{scores.difference.low:+.3f} to {scores.difference.high:+.3f}"
        lines.append(f"  cost of an image {number(scores.cost, 3)}, {usual} (difference {difference})")
    if scores.unanswered.value:
        lines.append(f"  not answered: {share(scores.unanswered)}")
    for row in scores.per_class:
        recall, precision = (share(each) if each else "-" for each in (row.recall, row.precision))
        lines.append(f"  {row.name:<20} recall {recall}, precision {precision}")
    return lines


def unusual_lines(familiarity: FamiliarityScores | None, sets: SetScores | None) -> list[str]:
    """What familiarity and prediction sets do on a part."""
    lines = []
    if familiarity:
        lines.append(f"called unknown by mistake: {alarm_words(familiarity)}, of {count(familiarity.n, 'image')}")
    if sets:
        sizes = f"{sets.mean_size:.2f} classes on average"
        lines.append(f"prediction sets at --coverage {sets.coverage:g}: {share(sets.measured)} hold the true class, {sizes}")
    return lines


def alarm_words(familiarity: FamiliarityScores) -> str:
    """The share of images called unknown at each level."""
    return ", ".join(f"{share(alarm.measured)} at --unknown {alarm.unknown:g}" for alarm in familiarity.false_alarms)
