"""Assigning parts and folds: stratified, grouped, seeded; a user's own parts are honoured.

The order of groups comes from ``sha256(seed, group)``, so the same photos give the same split on every machine,
and adding photos moves few of the old ones.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from tellapart.types import IntArray


def assigned_parts(labels: Sequence[str], groups: Sequence[str], *, seed: int, test_share: float = 0.2) -> list[str]:
    """``train`` or ``test`` for each image: about ``test_share`` of the groups of every class.

    Args:
        labels: n labels.
        groups: n group names; a group is never divided. Its class is its most frequent label.
        seed: another seed gives another split.
        test_share: wanted share of ``test``; a class with a single group stays in ``train``.
    """
    test = set()
    for names in ordered_groups(labels, groups, seed=seed).values():
        wanted = min(len(names) - 1, max(1, round(len(names) * test_share)))
        test.update(names[:wanted])
    return ["test" if group in test else "train" for group in groups]


def assigned_folds(labels: Sequence[str], groups: Sequence[str], *, folds: int, seed: int) -> IntArray:
    """Fold number 0..folds-1 for each image (n,); groups are kept whole and classes spread evenly.

    Fewer folds come out where even the largest class has fewer groups than ``folds``.
    """
    fold_of: dict[str, int] = {}
    start = 0
    for names in ordered_groups(labels, groups, seed=seed).values():
        for position, name in enumerate(names):
            fold_of[name] = (start + position) % folds
        start += len(names)
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def ordered_groups(labels: Sequence[str], groups: Sequence[str], *, seed: int) -> dict[str, list[str]]:
    """The names of the groups of each class in the order of their seeded hash."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for label, group in zip(labels, groups, strict=True):
        votes[group][label] += 1
    by_class: dict[str, list[str]] = defaultdict(list)
    for group in sorted(votes, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogateescape")).digest()):
        top = max(votes[group].items(), key=lambda item: (item[1], item[0]))[0]
        by_class[top].append(group)
    return dict(sorted(by_class.items()))
