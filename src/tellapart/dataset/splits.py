"""Assigning parts and folds: stratified, grouped, seeded; a user's own parts are respected.

The order of groups comes from ``sha256(seed, group)``, so the same photos give the same split on every machine,
and adding photos moves few of the old ones.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from tellapart.array_types import IntArray


def assign_stratified_parts(
    labels: Sequence[str], groups: Sequence[str], *, seed: int, test_share: float = 0.2, known: Mapping[str, str] | None = None
) -> list[str]:
    """``train`` or ``test`` for each image: about ``test_share`` of the groups of every class.

    Args:
        labels: n labels.
        groups: n group names; a group is never divided. Its class is its most frequent label.
        seed: another seed gives another split.
        test_share: wanted share of ``test``; a class with a single group stays in ``train``.
        known: parts of groups that had one before and keep it; others fill up the share. Of a class whose groups were all ``test`` one
            becomes ``train``.
    """
    known = known or {}
    test: set[str] = set()
    for names in ordered_groups(labels, groups, seed=seed).values():
        target = min(len(names) - 1, max(1, round(len(names) * test_share)))
        known_test = [name for name in names if known.get(name) == "test"][: len(names) - 1]
        new = [name for name in names if name not in known]
        test.update(known_test, new[: max(0, target - len(known_test))])
    return ["test" if group in test else "train" for group in groups]


def assign_folds(labels: Sequence[str], groups: Sequence[str], *, folds: int, seed: int) -> IntArray:
    """Fold number 0..folds-1 for each image (n,); groups are kept whole and the images of every class spread evenly.

    Larger groups are placed first, each into the fold that has the fewest images of its class. Fewer folds come out where
    even the largest class has fewer groups than ``folds``.
    """
    sizes = Counter(groups)
    fold_of: dict[str, int] = {}
    totals = [0] * folds
    for names in ordered_groups(labels, groups, seed=seed).values():
        emptiest = [(0, total, fold) for fold, total in enumerate(totals)]
        heapq.heapify(emptiest)
        for name in sorted(names, key=lambda name: -sizes[name]):
            own, total, fold = emptiest[0]
            fold_of[name] = fold
            totals[fold] = total + sizes[name]
            heapq.heapreplace(emptiest, (own + sizes[name], totals[fold], fold))
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def ordered_groups(labels: Sequence[str], groups: Sequence[str], *, seed: int) -> dict[str, list[str]]:
    """The group names of each class in the order of their seeded hash."""
    label_of: dict[str, str] = {}
    mixed = {group for group, label in zip(groups, labels, strict=True) if label_of.setdefault(group, label) != label}
    votes: dict[str, Counter[str]] = {group: Counter() for group in mixed}
    if mixed:
        for group, label in zip(groups, labels, strict=True):
            if group in mixed:
                votes[group][label] += 1
    for group, labels_of_group in votes.items():
        label_of[group] = max(labels_of_group.items(), key=lambda item: (item[1], item[0]))[0]
    digests = {group: _digest(group, seed) for group in label_of}
    by_class: dict[str, list[str]] = defaultdict(list)
    for group in sorted(digests, key=digests.__getitem__):
        by_class[label_of[group]].append(group)
    return dict(sorted(by_class.items()))


def assign_shares(labels: Sequence[str], groups: Sequence[str], *, seed: int, shares: Mapping[str, float]) -> list[str]:
    """A part for each image: about its share of the images of every class, the rest ``train``.

    Args:
        labels: n labels.
        groups: n group names; a group is never divided. Its class is its most frequent label.
        seed: another seed gives another split.
        shares: wanted share of each part but ``train``, in the order they are filled. A class with fewer groups than parts
            fills the first ones and keeps one group for ``train``.
    """
    sizes = Counter(groups)
    part_of: dict[str, str] = {}
    for names in ordered_groups(labels, groups, seed=seed).values():
        left, total = names, sum(sizes[name] for name in names)
        for part, share in shares.items():
            chosen = _about(left, sizes, share * total) if share > 0 else set()
            part_of.update(dict.fromkeys(chosen, part))
            left = [name for name in left if name not in chosen]
    return [part_of.get(group, "train") for group in groups]


def _about(names: Sequence[str], sizes: Mapping[str, int], target: float) -> set[str]:
    """The first groups that together have about the requested number of images; at least one, never all."""
    chosen: set[str] = set()
    taken = 0
    for name in names:
        if taken >= target or len(chosen) == len(names) - 1:
            break
        if taken + sizes[name] / 2 <= target:
            chosen.add(name)
            taken += sizes[name]
    return chosen or {min(names, key=lambda name: sizes[name])} if len(names) > 1 else set()


def hashed_part(group: str, *, seed: int, shares: Mapping[str, float]) -> str:
    """The part of one group, independent of all other groups.

    Shares come out by chance: a part of 20 % of 100 groups has 12 to 28 of them, 19 times out of 20.
    """
    place, end = _place(group, seed), 0.0
    for part, share in shares.items():
        end += share
        if place < end:
            return part
    return "train"


def hashed_fold(group: str, *, seed: int, folds: int) -> int:
    """The fold 0..folds-1 of one group, independent of all other groups."""
    return int(_place(f"fold {group}", seed) * folds)


def first_files(paths: Sequence[str], labels: Sequence[str], number: int) -> list[bool]:
    """Whether each file is among the first ``number`` of its class by name: a split whose score is too high or too low by accident."""
    order: dict[str, list[int]] = defaultdict(list)
    for index in sorted(range(len(paths)), key=lambda i: (paths[i].rpartition("/")[2], paths[i])):
        order[labels[index]].append(index)
    chosen = {index for indices in order.values() for index in indices[:number]}
    return [index in chosen for index in range(len(paths))]


def _place(name: str, seed: int) -> float:
    """A pseudo-random number in [0, 1) from the hash of a name."""
    return int.from_bytes(_digest(name, seed)[:7], "big") / 2**56


def _digest(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogateescape")).digest()
