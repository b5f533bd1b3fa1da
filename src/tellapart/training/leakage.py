"""What leaks between the parts of a split, and how much the leakage inflates the score."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tellapart.curation.duplicate_groups import EXACT, NEAR
from tellapart.curation.near_duplicates import ComparedPair
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.parts import REPORTED
from tellapart.evaluation import accuracy_interval, compare, log_loss_interval
from tellapart.evaluation.comparison import Comparison, Score
from tellapart.features import FeatureMatrix
from tellapart.results import Result
from tellapart.training.linear_probe import fit_probe
from tellapart.training.part_evaluation import LabeledSet, naive_predictions, probe_predictions

GROUP = "group"
SHOWN_PAIRS = 200
MIN_GROUPS = 4
"""Of every class in training, for a probe to be fitted at all."""


@dataclass(frozen=True)
class CrossingPair(Result):
    """Two images in different parts that show the same.

    Attributes:
        first: path of one.
        second: path of the other.
        kind: ``exact`` (the same bytes) or ``near`` (near-duplicates).
        parts: both parts, as in ``train, test``.
    """

    first: str
    second: str
    kind: str
    parts: str


@dataclass(frozen=True, kw_only=True)
class Crossings(Result):
    """What lies in more than one part.

    Attributes:
        images: training images whose group is in a reported part too.
        exact_pairs: number of pairs across parts with the same bytes.
        near_pairs: number of pairs of near-duplicates across parts.
        groups: number of groups that lie in several parts.
        pairs: the first :data:`SHOWN_PAIRS` pairs, those with a training image first.
    """

    images: int
    exact_pairs: int
    near_pairs: int
    groups: int
    pairs: list[CrossingPair]


@dataclass(frozen=True, kw_only=True)
class LeakageEstimate(Result):
    """How much leakage inflates the score of a linear probe.

    Attributes:
        kind: ``leaking``: training images share groups with reported ones; ``would leak``: none does, and the naive score is that of a
            split that divides groups.
        part: the part that the probe is evaluated on.
        n: images it is evaluated on.
        images: images that leak.
        trained_on: training images that do not leak.
        naive: scores with the images that leak.
        honest: scores without them.
        comparison: naive against honest, paired by image.
    """

    kind: str
    part: str
    n: int
    images: int
    trained_on: int
    naive: Score
    honest: Score
    comparison: Comparison


@dataclass(frozen=True)
class NoEstimate(Result):
    """Why leakage was not estimated."""

    reason: str


def crossings(rows: Sequence[FileRow], likenesses: Iterable[ComparedPair]) -> Crossings:
    """The pairs across the parts of rows that have parts and groups."""
    by_content: dict[str, list[FileRow]] = defaultdict(list)
    parts_of_group: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        by_content[row.image_id or ""].append(row)
        parts_of_group[row.group or ""].add(row.part or "")
    all_pairs = [(EXACT, one, other) for copies in by_content.values() for index, one in enumerate(copies) for other in copies[index + 1 :]]
    for likeness in likenesses:
        if likeness.is_copy:
            all_pairs += [(NEAR, one, other) for one in by_content.get(likeness.first, []) for other in by_content.get(likeness.second, [])]
    across = [(kind, one, other) for kind, one, other in all_pairs if one.part != other.part]
    counts = Counter(kind for kind, _, _ in across)
    counts[GROUP] = sum(len(parts) > 1 for parts in parts_of_group.values())
    leaking = sum(row.part == "train" and bool(parts_of_group[row.group or ""] & set(REPORTED)) for row in rows)
    across.sort(key=lambda pair: ("train" not in (pair[1].part, pair[2].part), pair[0], pair[1].path, pair[2].path))
    pairs = [CrossingPair(one.path, other.path, kind, f"{one.part}, {other.part}") for kind, one, other in across[:SHOWN_PAIRS]]
    return Crossings(images=leaking, exact_pairs=counts[EXACT], near_pairs=counts[NEAR], groups=counts[GROUP], pairs=pairs)


def estimate_leakage(rows: Sequence[FileRow], features: FeatureMatrix, *, seed: int) -> LeakageEstimate | NoEstimate:
    """The score of a linear probe with and without the images that leak.

    Where training images share a group with reported ones, naive is with them, honest without. Where no group is
    divided, naive is the score of a split that divides them: of every reported group all images but the first are trained
    on, and the first is evaluated.

    Args:
        rows: labeled ones with parts and groups.
        features: of any backbone.
        seed: of the probe's folds.
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
    class_names = tuple(sorted(str(label) for label, groups_of_label in groups.items() if len(groups_of_label) >= MIN_GROUPS))
    train, leaking, reported = ([row for row in some if row.label in class_names] for some in (train, leaking, reported))
    if len(class_names) < 2 or not reported:
        return NoEstimate("too few different images to train and evaluate a probe")
    if not leaking:
        return NoEstimate("no image of one part shows the same as one of another, so there is no leakage to estimate")
    trained, leaked, evaluated = (LabeledSet.of(some, features, class_names) for some in (train, leaking, reported))
    probe = fit_probe(trained.data, seed=seed)
    honest = probe_predictions(probe, evaluated, "the honest split")
    naive = naive_predictions(probe, trained, leaked, evaluated, class_weight="none")
    return LeakageEstimate(
        kind=kind,
        part=part,
        n=len(reported),
        images=len(leaking),
        trained_on=len(train),
        naive=Score(accuracy_interval(naive), log_loss_interval(naive)),
        honest=Score(accuracy_interval(honest), log_loss_interval(honest)),
        comparison=compare(honest, replace(naive, source="the leaking one")),
    )
