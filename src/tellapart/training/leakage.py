"""What leaks between the parts of a split, and what the leak is worth: the honest score beside the naive one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tellapart.curation.duplicate_groups import EXACT, NEAR
from tellapart.curation.near_duplicates import ComparedPair
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.parts import REPORTED
from tellapart.evaluation import accuracy_interval, compare, log_loss_interval
from tellapart.features import FeatureMatrix
from tellapart.training.linear_probe import fit_probe
from tellapart.training.part_evaluation import LabeledSet, naive_predictions, probe_predictions

GROUP = "group"
SHOWN_PAIRS = 200
FEWEST_GROUPS = 4
"""Of every class in training, for a probe to be fitted at all."""


@dataclass(frozen=True)
class Crossings:
    """What stands in more than one part.

    Attributes:
        pairs: first path, second path, kind and both parts, the first :data:`SHOWN_PAIRS` of them: training against reported first.
        counts: number of pairs that are the same bytes or near-duplicates; and of groups that lie in several parts.
        images: training images whose group is reported too.
    """

    pairs: list[dict[str, str]]
    counts: dict[str, int]
    images: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"images": self.images, "exact_pairs": self.counts[EXACT], "near_pairs": self.counts[NEAR], "groups": self.counts[GROUP]} | {
            "pairs": self.pairs
        }


def crossings(rows: Sequence[FileRow], likenesses: Iterable[ComparedPair]) -> Crossings:
    """The pairs across the parts of rows that have parts and groups."""
    by_content: dict[str, list[FileRow]] = defaultdict(list)
    parts_of_group: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        by_content[row.image_id or ""].append(row)
        parts_of_group[row.group or ""].add(row.part or "")
    found = [(EXACT, one, other) for copies in by_content.values() for place, one in enumerate(copies) for other in copies[place + 1 :]]
    for likeness in likenesses:
        if likeness.is_copy:
            found += [(NEAR, one, other) for one in by_content.get(likeness.first, []) for other in by_content.get(likeness.second, [])]
    across = [(kind, one, other) for kind, one, other in found if one.part != other.part]
    counts = Counter(kind for kind, _, _ in across)
    counts[GROUP] = sum(len(parts) > 1 for parts in parts_of_group.values())
    leaking = sum(row.part == "train" and bool(parts_of_group[row.group or ""] & set(REPORTED)) for row in rows)
    across.sort(key=lambda pair: ("train" not in (pair[1].part, pair[2].part), pair[0], pair[1].path, pair[2].path))
    pairs = [
        {"first": one.path, "second": other.path, "kind": kind, "parts": f"{one.part}, {other.part}"}
        for kind, one, other in across[:SHOWN_PAIRS]
    ]
    return Crossings(pairs, {kind: counts[kind] for kind in (EXACT, NEAR, GROUP)}, leaking)


def leak_price(rows: Sequence[FileRow], features: FeatureMatrix, *, seed: int) -> dict[str, Any]:
    """The score of a quick probe with and without the images that leak.

    Where training images share a group with reported ones, naive is with them, honest without. Where no group is
    divided, naive is what a split that divides them would have said: of every reported group all images but the first
    are learned from, and the rest is judged.

    Args:
        rows: labeled ones with parts and groups.
        features: of any backbone.
        seed: of the probe's folds.

    Returns:
        ``kind`` (``leaking`` or ``would leak``), ``part``, ``n``, ``images`` (that leak), ``naive`` and ``honest`` (accuracy and log
        loss with intervals), ``comparison`` (paired); or ``reason`` why there is none.
    """
    part = max(REPORTED, key=lambda name: sum(row.part == name for row in rows))
    reported = [row for row in rows if row.part == part]
    everywhere = {row.group for row in rows if row.part in REPORTED}
    hit = {row.group for row in reported}
    leaking = [row for row in rows if row.part == "train" and row.group in hit]
    kind = "leaking"
    if not leaking:
        kind = "would leak"
        first: dict[str | None, str] = {}
        for row in sorted(reported, key=lambda row: row.path):
            first.setdefault(row.group, row.path)
        leaking = [row for row in reported if first[row.group] != row.path]
        reported = [row for row in reported if first[row.group] == row.path]
    train = [row for row in rows if row.part == "train" and row.group not in everywhere]
    groups = {label: {row.group for row in train if row.label == label} for label in {row.label for row in train}}
    class_names = tuple(sorted(str(label) for label, found in groups.items() if len(found) >= FEWEST_GROUPS))
    train, leaking, reported = ([row for row in some if row.label in class_names] for some in (train, leaking, reported))
    if len(class_names) < 2 or not reported:
        return {"reason": "too few different images to train and judge a probe"}
    if not leaking:
        return {"reason": "no image of one part shows the same as one of another, so there is no leak to price"}
    return {"kind": kind, "part": part, **_priced(train, leaking, reported, features, class_names, seed)}


def _priced(
    train: Sequence[FileRow],
    leaking: Sequence[FileRow],
    reported: Sequence[FileRow],
    features: FeatureMatrix,
    class_names: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    learned, leaked, judged = (LabeledSet.of(some, features, class_names) for some in (train, leaking, reported))
    probe = fit_probe(learned.data, seed=seed)
    honest = probe_predictions(probe, judged, "the honest split")
    naive = naive_predictions(probe, learned, leaked, judged, class_weight="none")
    scores = {
        name: {"accuracy": accuracy_interval(found).as_dict(), "log_loss": log_loss_interval(found).as_dict()}
        for name, found in (("naive", naive), ("honest", honest))
    }
    comparison = compare(honest, replace(naive, source="the leaking one"))
    return {"n": len(reported), "images": len(leaking), "trained_on": len(train), **scores, "comparison": comparison.as_dict()}
