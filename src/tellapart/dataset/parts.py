"""Assignment of images to parts: groups stay together, the user's parts are respected, leaks are removed from training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tellapart.counts import count
from tellapart.dataset.dataset import Dataset, label_hint, without_labels
from tellapart.dataset.decisions import RELABEL, Decisions
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.groups import groups_together
from tellapart.dataset.splits import assign_stratified_parts
from tellapart.errors import DataError, OptionError
from tellapart.printable import printable

REPORTED = ("test", "val")
TEST_SHARE = 0.2
"""Default share of the groups for the test part."""
FEW_IMAGES, NAMED_CLASSES = 10, 3
"""Fewer images of a class than this are said; of more classes than that only a summary."""


@dataclass(frozen=True)
class Assignment:
    """Rows with parts and groups, and what was found during the assignment.

    Attributes:
        rows: one a file; used rows have a part and a group.
        leaked: indices of training rows taken out because a reported image shows the same photo.
        duplicate_groups: paths of the images of each group of near-duplicates.
        notes: sentences for the user.
        decisions: for each part the number of images that the user ``excluded`` and ``relabeled``; parts without any are left out.
    """

    rows: list[FileRow]
    leaked: list[int]
    duplicate_groups: list[list[str]]
    notes: list[str]
    decisions: dict[str, dict[str, int]] = field(default_factory=dict)


def share_held_back(rows: Sequence[FileRow], test_share: float | None, *, usual: float = TEST_SHARE) -> float:
    """The share of the groups to hold out; None for the default.

    Raises:
        OptionError: a share was given although the data set already has a part to report on.
    """
    own = next((row.part for row in rows if row.is_used and row.part in REPORTED), None)
    if own is not None and test_share is not None:
        raise OptionError(
            f"test_share has no effect: the photos have a {own} part of their own, which is reported on", hint="leave --test-share out"
        )
    return usual if test_share is None else test_share


def assign_parts(
    rows: Sequence[FileRow], pairs: Sequence[tuple[str, str]], *, test_share: float, seed: int, earlier: Mapping[str, str] | None = None
) -> Assignment:
    """Give every usable row its group and part.

    Args:
        rows: one a file, with the user's parts.
        pairs: image ids of near-duplicates.
        test_share: share of the groups that becomes ``test`` where the user chose no part to report.
        seed: of the split.
        earlier: ``train`` or ``test`` by image id, from an earlier split: a group with an image that was ``test`` stays so, one whose
            images were all ``train`` too, and new groups fill up the share.

    Raises:
        DataError: no labels, fewer than two classes, or nothing to hold back for a test.
    """
    rows = [row.left_out("no label") if row.is_used and row.label is None else row for row in rows]
    _check_classes(rows)
    notes = _lost_classes(rows)
    rows, leaked = _parted(_grouped(rows, pairs), test_share, seed, earlier or {})
    rows = _known_classes_only(rows, notes)
    _check_parts(rows, notes)
    return Assignment(rows, leaked, _duplicate_groups(rows, pairs), notes)


def with_decisions(
    assignment: Assignment,
    before: Sequence[FileRow],
    pairs: Sequence[tuple[str, str]],
    *,
    test_share: float,
    seed: int,
    earlier: Mapping[str, str] | None = None,
) -> Assignment:
    """The assignment with the number of decisions in each part, and a note where they touch a reported part.

    A relabeled image counts in the part it has, an excluded one in the part it would have without any decision.

    Args:
        assignment: of the rows as decided.
        before: the rows as they are without decisions, in the same order.
        pairs: image ids of near-duplicates.
        test_share: as in :func:`assign_parts`.
        seed: as in :func:`assign_parts`.
        earlier: as in :func:`assign_parts`.
    """
    is_excluded = [one.is_used and row.is_excluded for one, row in zip(before, assignment.rows, strict=True)]
    is_relabeled = [one.label != row.label and row.is_used for one, row in zip(before, assignment.rows, strict=True)]
    if not any(is_excluded) and not any(is_relabeled):
        return assignment
    try:
        part_before = [row.part for row in assign_parts(before, pairs, test_share=test_share, seed=seed, earlier=earlier).rows]
    except DataError:
        part_before = [row.part for row in before]
    excluded = Counter(part for part, is_meant in zip(part_before, is_excluded, strict=True) if is_meant and part)
    relabeled = Counter(row.part for row, is_meant in zip(assignment.rows, is_relabeled, strict=True) if is_meant and row.part)
    decisions = {
        part: {"excluded": excluded[part], "relabeled": relabeled[part]}
        for part in ("train", *REPORTED)
        if excluded[part] or relabeled[part]
    }
    notes = [
        f"your decisions touch the {part} part: {counts['excluded']:,} excluded, {counts['relabeled']:,} relabeled;"
        f" if you decided after seeing a model's mistakes, its {part} numbers are too good"
        for part, counts in decisions.items()
        if part in REPORTED
    ]
    return replace(assignment, notes=[*assignment.notes, *notes], decisions=decisions)


def check_labels(dataset: Dataset, decisions: Decisions, min_classes: int) -> None:
    """Refuse a data set with too few classes to train on, from its listing, before any image is read.

    If the user relabeled images, the listing does not tell the classes, and nothing is refused.

    Raises:
        DataError: no labels, or fewer classes than wanted, also in the train part alone.
    """
    if min_classes == 0 or any(decision.action == RELABEL for decision in decisions.in_effect):
        return
    classes = dataset.class_names
    trained = sorted({entry.label for entry in dataset.entries if entry.label is not None and entry.part in (None, "train")})
    if len(trained) >= min_classes:
        return
    if not classes:
        raise without_labels(dataset, [entry.path for entry in dataset.entries if entry.part in (None, "train")])
    layout = f" ({'; '.join(dataset.notes)})" if dataset.notes else ""
    if len(classes) == 1:
        raise DataError(
            f"there is only one class, {printable(classes[0])!r}; a classifier needs two{layout}",
            hint="add a folder with images of something else, or say with --label-folder which folders are the classes",
        )
    raise DataError(
        f"fewer than two classes have training images: the train part has {' and '.join(map(repr, trained)) or 'none'}{layout}",
        hint="each class needs images in the train part",
    )


def assign_unlabeled_parts(rows: Sequence[FileRow], pairs: Sequence[tuple[str, str]], *, test_share: float, seed: int) -> Assignment:
    """Like :func:`assign_parts` without labels: unlabeled images are used too, and there may be no part to report on.

    Raises:
        DataError: there is no image to learn from.
    """
    rows, leaked = _parted(_grouped(rows, pairs), test_share, seed, {})
    if not any(row.is_used and row.part == "train" for row in rows):
        why = next((f": the first file, {row.path}, is left out: {row.reason}" for row in rows if row.reason), "")
        raise DataError(f"there is no image to learn from{why}", hint="give a folder with images, or with a train part")
    return Assignment(rows, leaked, _duplicate_groups(rows, pairs), [])


def _parted(rows: list[FileRow], test_share: float, seed: int, earlier: Mapping[str, str]) -> tuple[list[FileRow], list[int]]:
    """Rows with parts, the user's or new ones, and the indices of training rows taken out as leaks."""
    if any(row.is_used and row.part in REPORTED for row in rows):
        return _without_leaks([replace(row, part="train") if row.is_used and row.part is None else row for row in rows])
    used = [i for i, row in enumerate(rows) if row.is_used]
    known: dict[str, str] = {}
    for i in used:
        part = earlier.get(rows[i].image_id or "")
        if part is not None and known.get(rows[i].group or "") != "test":
            known[rows[i].group or ""] = part
    labels, groups = [rows[i].label or "" for i in used], [rows[i].group or "" for i in used]
    parts = assign_stratified_parts(labels, groups, seed=seed, test_share=test_share, known=known)
    for i, part in zip(used, parts, strict=True):
        rows[i] = replace(rows[i], part=part)
    return rows, []


def _check_classes(rows: Sequence[FileRow]) -> None:
    counts = Counter(row.label for row in rows if row.is_used)
    if len(counts) >= 2:
        return
    if not counts:
        unread = [row for row in rows if row.label is not None and row.reason]
        why = f"; the first unusable file is {unread[0].path}: {unread[0].reason}" if unread else ""
        raise DataError(
            f"no usable image has a label{why}",
            hint=label_hint(row.path for row in rows),
        )
    lost = sorted({row.label for row in rows if row.label is not None} - {str(label) for label in counts})
    if lost:
        reasons = Counter(row.reason for row in rows if row.label == lost[0])
        raise DataError(
            f"only the class {next(iter(counts))!r} has usable images; those of {lost[0]!r} are left out: {reasons.most_common(1)[0][0]}"
        )
    raise DataError(
        f"there is only one class, {next(iter(counts))!r}; a classifier needs two", hint="add a folder with images of something else"
    )


def _lost_classes(rows: Sequence[FileRow]) -> list[str]:
    """A sentence for each class without a used image, with the most frequent reason."""
    used = {row.label for row in rows if row.is_used}
    lost: dict[str, list[str]] = {}
    for row in rows:
        if row.label is not None and row.label not in used:
            lost.setdefault(row.label, []).append(row.reason or "")
    return [
        f"none of the {count(len(reasons), 'image')} of the class {label!r} is used, mostly because: "
        f"{Counter(reasons).most_common(1)[0][0]}"
        for label, reasons in sorted(lost.items())
    ]


def _grouped(rows: Sequence[FileRow], pairs: Sequence[tuple[str, str]]) -> list[FileRow]:
    """Rows with the name of their group: near-duplicates, and images of one group of the user's, are joined."""
    used = [row for row in rows if row.is_used and row.image_id]
    groups = groups_together([row.image_id or "" for row in used], pairs, [row.group for row in used])
    return [replace(row, group=groups[row.image_id][:16]) if row.is_used and row.image_id else row for row in rows]


def _without_leaks(rows: list[FileRow]) -> tuple[list[FileRow], list[int]]:
    """Training rows whose group also has a reported image are taken out; the reason names that image."""
    reported: dict[str, FileRow] = {}
    for row in sorted((r for r in rows if r.is_used and r.part in REPORTED), key=lambda r: REPORTED.index(r.part or "")):
        reported.setdefault(row.group or "", row)
    leaked = []
    for i, row in enumerate(rows):
        twin = reported.get(row.group or "") if row.is_used and row.part == "train" else None
        if twin is not None:
            rows[i] = row.left_out(f"shows the same as {twin.path} of the {twin.part} part")
            leaked.append(i)
    return rows, leaked


def _known_classes_only(rows: list[FileRow], notes: list[str]) -> list[FileRow]:
    trained = {row.label for row in rows if row.is_used and row.part == "train"}
    strange = Counter(row.label for row in rows if row.is_used and row.label not in trained)
    sentences = [
        f"{label!r} has no training image, so its {count(number, 'image is', 'images are')} left out" for label, number in strange.items()
    ]
    notes += shortened(
        sentences,
        f"{count(len(sentences), 'class', 'classes')} have no training image, so their "
        f"{count(strange.total(), 'image is', 'images are')} left out",
    )
    return [row.left_out("its class has no training image") if row.is_used and row.label in strange else row for row in rows]


def _check_parts(rows: Sequence[FileRow], notes: list[str]) -> None:
    counts = Counter((row.part, row.label) for row in rows if row.is_used)
    labels = sorted({label for part, label in counts if part == "train" and label is not None})
    if len(labels) < 2:
        raise DataError("fewer than two classes have training images", hint="each class needs images in the train part")
    if not any(part in REPORTED for part, _ in counts):
        raise DataError(
            "there are too few different images to hold any out for testing",
            hint="give each class at least a handful; 50 make numbers worth reading",
        )
    reported = {label: sum(counts[(part, label)] for part in REPORTED) for label in labels}
    total = {label: counts[("train", label)] + reported[label] for label in labels}
    few = [f"{label!r} has only {count(total[label], 'image')}; its numbers mean little" for label in labels if total[label] < FEW_IMAGES]
    unseen = [f"{label!r} has no image in the reported part" for label in labels if total[label] >= FEW_IMAGES and not reported[label]]
    notes += shortened(few, f"{count(len(few), 'class', 'classes')} have fewer than {FEW_IMAGES} images each; their numbers mean little")
    notes += shortened(unseen, f"{count(len(unseen), 'class', 'classes')} have no image in the reported part")


def shortened(notes: list[str], summary: str) -> list[str]:
    """Sentences on a class each; of many only a summary, with the first of them."""
    return notes if len(notes) <= NAMED_CLASSES else [f"{summary}: {notes[0]}, and so on"]


def _duplicate_groups(rows: Sequence[FileRow], pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    paths: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.image_id:
            paths[row.image_id].append(row.path)
    groups = groups_together(paths, pairs)
    members: dict[str, list[str]] = defaultdict(list)
    for image_id, group in groups.items():
        members[group].extend(paths[image_id])
    return sorted(sorted(paths_of_group) for paths_of_group in members.values() if len(paths_of_group) > 1)
