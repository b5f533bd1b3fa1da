"""Splitting images into parts and folds: groups stay together, an earlier split is kept, new groups are assigned by hash."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tellapart.counts import count
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.groups import groups_together
from tellapart.dataset.parts import REPORTED
from tellapart.dataset.split_file import Known
from tellapart.dataset.splits import assign_folds, assign_shares, first_files, hashed_fold, hashed_part
from tellapart.errors import DataError

STRATIFIED, RANDOM, OWN = "stratified", "random", "own"
NAMED = 5


@dataclass(frozen=True)
class SplitPlan:
    """How to divide.

    Attributes:
        strategy: ``stratified``, ``random`` (every group by a hash of its own), or ``own`` (the parts the rows have).
        shares: of every part but ``train``, in the order they are filled.
        folds: number of folds of the training part; 0 for none.
        first_n: so many files of each class, the first by name, become ``val`` and nothing is kept together; 0 for a real split.
        seed: of everything random.
    """

    strategy: str
    shares: Mapping[str, float]
    folds: int
    first_n: int
    seed: int


@dataclass(frozen=True)
class SplitAssignment:
    """Rows with their groups and parts.

    Attributes:
        rows: those given, each with part and group.
        folds: of each row; None outside the training part or without folds.
        kept: number of rows whose part an earlier split decided.
        notes: sentences for the user.
    """

    rows: list[FileRow]
    folds: list[int | None]
    kept: int
    notes: list[str]


def grouped_rows(
    rows: Sequence[FileRow], own: Sequence[str | None], pairs: Sequence[tuple[str, str]], known: Sequence[Known | None]
) -> list[FileRow]:
    """The rows, each with the name of its group: near-duplicates, exact copies and the user's own groups, joined.

    A group keeps the name an earlier split gave it (of several the smallest), so that it is hashed as before; else it has
    the user's own name, else one made of its contents.

    Args:
        rows: used ones, so every one has an image id.
        own: the user's group of each row; None for none.
        pairs: image ids of near-duplicates.
        known: each row's part and fold in an earlier split.
    """
    ids = [row.image_id or "" for row in rows]
    group_of = groups_together(ids, pairs, own, [one.group or None if one is not None else None for one in known])
    title: dict[str, tuple[int, str]] = {}
    for row, name, one in zip(rows, own, known, strict=True):
        group = group_of[row.image_id or ""]
        titles = [(0, one.group)] if one is not None and one.group else []
        titles += [(1, name)] if name is not None else []
        title[group] = min([*titles, title.get(group, (2, group[:16]))])
    return [replace(row, group=title[group_of[row.image_id or ""]][1]) for row in rows]


def divide_rows(rows: Sequence[FileRow], known: Sequence[Known | None], plan: SplitPlan) -> SplitAssignment:
    """Give every row its part and fold.

    Args:
        rows: used ones with groups; see :func:`grouped_rows`.
        known: each row's part and fold in an earlier split, which it keeps.
        plan: how to divide the others.

    Raises:
        DataError: nothing can be held back, or nothing is left to train on.
    """
    notes: list[str] = []
    if plan.first_n:
        placed = _first(rows, plan.first_n)
    elif plan.strategy == OWN:
        placed = [replace(row, part=row.part or "train") for row in rows]
    else:
        placed = _placed(rows, known, plan)
    _check(placed, plan, notes)
    folds = _folds(placed, known, plan, notes)
    num_known = 0 if plan.first_n or plan.strategy == OWN else sum(one is not None for one in known)
    return SplitAssignment(placed, folds, num_known, notes)


def _first(rows: Sequence[FileRow], number: int) -> list[FileRow]:
    counts = Counter(row.label or "" for row in rows)
    small = sorted(label for label, count in counts.items() if count <= number)
    if small:
        raise DataError(
            f"the class {small[0]!r} has only {count(counts[small[0]], 'image')}; taking the first {number:,} leaves none to train on",
            hint=f"--first-n {max(1, min(counts.values()) // 2)}",
        )
    is_first = first_files([row.path for row in rows], [row.label or "" for row in rows], number)
    return [replace(row, part="val" if first else "train") for row, first in zip(rows, is_first, strict=True)]


def _placed(rows: Sequence[FileRow], known: Sequence[Known | None], plan: SplitPlan) -> list[FileRow]:
    groups = [row.group or "" for row in rows]
    before: dict[str, set[str]] = defaultdict(set)
    for group, one in zip(groups, known, strict=True):
        if one is not None:
            before[group].add(one.part)
    if before or plan.strategy == RANDOM:
        new = {group: hashed_part(group, seed=plan.seed, shares=plan.shares) for group in dict.fromkeys(groups)}
    else:
        parts = assign_shares([row.label or "" for row in rows], groups, seed=plan.seed, shares=plan.shares)
        new = dict(zip(groups, parts, strict=True))
    joined = {group: next(part for part in (*REPORTED, "train") if part in parts) for group, parts in before.items()}
    return [
        replace(row, part=one.part if one is not None else joined.get(group, new[group]))
        for row, group, one in zip(rows, groups, known, strict=True)
    ]


def _folds(rows: Sequence[FileRow], known: Sequence[Known | None], plan: SplitPlan, notes: list[str]) -> list[int | None]:
    """The fold of every training row: as before, as its group's, or new."""
    folds: list[int | None] = [None] * len(rows)
    if not plan.folds:
        return folds
    indices = [index for index, row in enumerate(rows) if row.part == "train"]
    labels, groups = [rows[i].label or "" for i in indices], [rows[i].group or "" for i in indices]
    before = {rows[i].group or "": one.fold for i in indices if (one := known[i]) is not None and one.fold is not None}
    if before:
        for i in indices:
            own, group = known[i], rows[i].group or ""
            own_fold = own.fold if own is not None else None
            folds[i] = own_fold if own_fold is not None else before.get(group)
            if folds[i] is None:
                folds[i] = hashed_fold(group, seed=plan.seed, folds=plan.folds)
    else:
        for i, fold in zip(indices, assign_folds(labels, groups, folds=plan.folds, seed=plan.seed).tolist(), strict=True):
            folds[i] = fold
    held = {(rows[i].label, folds[i]) for i in indices}
    short = sorted(label for label in set(labels) if sum((label or None, fold) in held for fold in range(plan.folds)) < plan.folds)
    if short:
        notes.append(f"{_several(short)}: not in every one of the {count(plan.folds, 'fold')}, for want of groups")
    return folds


def _check(rows: Sequence[FileRow], plan: SplitPlan, notes: list[str]) -> None:
    groups = {row.group for row in rows}
    if len(groups) == 1 and len(rows) > 1:
        raise DataError(
            f"all {count(len(rows), 'image is', 'images are')} one group and cannot be divided",
            hint="look at what joins them: tellapart check shows near-duplicates; --group and --pattern join what they name alike",
        )
    counts = Counter((row.label, row.part) for row in rows)
    parts = {part for _, part in counts}
    if "train" not in parts:
        raise DataError("nothing is left to train on", hint="ask for smaller shares with --val and --test")
    if parts == {"train"} and not plan.folds:
        raise DataError("there are too few groups to hold any back", hint="add images, or ask for larger shares with --val and --test")
    required = [part for part, share in plan.shares.items() if share > 0] if plan.strategy != OWN and not plan.first_n else []
    for part in required:
        missing = sorted(str(label) for label in {row.label for row in rows} if label is not None and not counts[(label, part)])
        if missing:
            notes.append(f"{_several(missing)}: no image in the {part} part, for want of groups")
    untrained = sorted(str(label) for label in {row.label for row in rows} if label is not None and not counts[(label, "train")])
    if untrained:
        notes.append(f"{_several(untrained)}: no image in the train part")
    if len({row.label for row in rows if row.label is not None}) == 1:
        notes.append("there is only one class; a classifier needs two")


def _several(labels: Sequence[str]) -> str:
    rest = len(labels) - NAMED
    return ", ".join(repr(label) for label in labels[:NAMED]) + (f" and {count(rest, 'more class', 'more classes')}" if rest > 0 else "")
