"""Lines that several commands print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tellapart.cli.formatting import aligned, first_lines, number, share
from tellapart.cli.terminal import Line, Styled
from tellapart.counts import count
from tellapart.durations import duration_text

if TYPE_CHECKING:
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


def search_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What ``--recipe auto`` tried: the log loss of each out of fold, its weight in the model, and what it cost."""
    found = metrics.get("search")
    if not found:
        return []
    head = ["tried", "log loss out of fold", "weight", "time", ""]
    rows = [
        [
            row["name"],
            "" if row["log_loss"] is None else f"{row['log_loss']:.4f}",
            f"{row['weight']:.0%}" if row["weight"] else "",
            duration_text(row["seconds"]),
            row["reason"],
        ]
        for row in found["trials"]
    ]
    return [*aligned([head, *rows]), *found["findings"]]


PART_WORDS = {"test": "test images, never seen in training", "val": "images of your validation folder"}


def ladder_lines(part: str, numbers: Mapping[str, Any]) -> list[Line]:
    """The baselines and the model on one reported part, with intervals."""
    width = max(24, *(len(rung["name"]) for rung in numbers["rungs"]))
    rows: list[Line] = [f"{numbers['n']:,} {PART_WORDS[part]}", f"  {'':<{width}} {'accuracy (95 %)':<28} log loss (95 %)"]
    for rung in numbers["rungs"]:
        line = f"  {rung['name']:<{width}} {share(rung['accuracy']):<28} {number(rung['log_loss'])}"
        rows.append(Styled(line, bold=True) if rung is numbers["rungs"][-1] else line)
    from tellapart.evaluation.intervals import effective_size_sentence

    if sentence := effective_size_sentence(numbers):
        rows.append(f"  {sentence}")
    return rows


def training_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What the training of a network took, and how far its folds agree."""
    cost = metrics.get("training")
    if not cost:
        return []
    lines = [f"trained for {duration_text(cost['seconds'])}: {cost['images']:,} images, {cost['images_per_s']:,.0f} a second"]
    members = (metrics.get("selection") or {}).get("members") or []
    if len(members) > 1:
        found = [member["accuracy"] for member in members]
        mean = sum(found) / len(found)
        lines.append(
            f"{count(len(found), 'fold')}, each judged by the network that did not see it: accuracy {percent_or_blank(mean)} on average"
            f" ({100 * min(found):.1f} to {100 * max(found):.1f})"
        )
    return lines


def split_variance_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What other splits of the same images would have said."""
    found = metrics["split_sensitivity"]
    if not found:
        return []
    a, first = found["accuracy"], found["first"]
    return [
        f"{len(found['splits'])} other splits of the same photos: accuracy {percent_or_blank(a['low'])} to {percent_or_blank(a['high'])};"
        f" the first {count(first['per_class'], 'file')} of each class would have said {percent_or_blank(first['accuracy']['value'])}"
    ]


def learning_curve_lines(metrics: Mapping[str, Any]) -> list[str]:
    """What more images are expected to be worth."""
    curve = metrics["learning_curve"]
    if not curve:
        return []
    twice = curve["twice"]
    gain = {key: 100 * value for key, value in twice["gain"].items()}
    return [
        f"twice the training photos ({twice['n_train']:,}) would be worth about {gain['value']:+.1f} points of accuracy"
        f" ({gain['low']:+.1f} to {gain['high']:+.1f})"
    ]


def leak_lines(leak: Mapping[str, Any] | None) -> list[str]:
    """How much near-duplicates across the split would have inflated the score."""
    if not leak:
        return []
    naive, honest = leak["naive"]["accuracy"]["value"], leak["honest"]["accuracy"]["value"]
    return [
        f"{count(leak['images'], 'training photo')} also stand in your {leak['part']} folder and were left out:"
        f" with them {percent_or_blank(naive)}, honestly {percent_or_blank(honest)}"
    ]


def signed_points(interval: Mapping[str, float]) -> str:
    """``+0.0123 (-0.0010 to +0.0250)``."""
    return f"{interval['value']:+.4f} ({interval['low']:+.4f} to {interval['high']:+.4f})"


def percent_or_blank(value: float | None) -> str:
    """``98.9 %``, or nothing where there is no value."""
    return "" if value is None else f"{100 * value:.1f} %"


def decision_lines(numbers: Mapping[str, Any]) -> list[str]:
    """What the answers by costs or recall do on a part of metrics.json, beside the most probable class."""
    found = numbers.get("decision")
    if not found:
        return []
    lines = [f"answers by {found['source']}: {found['changed']:,} of {count(found['n'], 'image')} differ from the most probable class"]
    if found["source"].startswith("costs"):
        difference = " to ".join(f"{found['difference'][key]:+.3f}" for key in ("low", "high"))
        usual = f"{found['usual_cost']['value']:.3f} by the most probable class"
        lines.append(f"  cost of an image {number(found['cost'], 3)}, {usual} (difference {difference})")
    if found["unanswered"]["value"]:
        lines.append(f"  not answered: {share(found['unanswered'])}")
    for row in found["per_class"]:
        recall, precision = (share(row[key]) if row[key] else "-" for key in ("recall", "precision"))
        lines.append(f"  {row['name']:<20} recall {recall}, precision {precision}")
    return lines


def unusual_lines(numbers: Mapping[str, Any]) -> list[str]:
    """What familiarity and prediction sets do on a part of metrics.json."""
    lines = []
    if found := numbers.get("familiarity"):
        alarms = ", ".join(f"{share(row['measured'])} at --unknown {row['unknown']:g}" for row in found["false_alarms"])
        lines.append(f"called unknown by mistake: {alarms}, of {count(found['n'], 'image')}")
    if found := numbers.get("prediction_sets"):
        sizes = f"{found['mean_size']:.2f} classes on average"
        lines.append(f"prediction sets at --coverage {found['coverage']:g}: {share(found['measured'])} hold the true class, {sizes}")
    return lines
