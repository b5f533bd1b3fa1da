"""Undersampling of the training images of large classes: diverse images first, otherwise at random.

Images are not selected by quality: as only the frequent classes lose images, quality would then predict the class.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tellapart.dataset.file_rows import FileRow


def training_counts(rows: Sequence[FileRow]) -> dict[str, int]:
    """Number of used training images by class name."""
    counts = Counter(row.label for row in rows if row.is_used and row.part in ("train", None) and row.label is not None)
    return {str(label): count for label, count in sorted(counts.items(), key=lambda item: str(item[0]))}


def class_weight(counts: Mapping[str, int]) -> dict[str, float]:
    """Image weights by class that give every class the same total weight; 1 on average over images."""
    total = sum(counts.values())
    return {label: total / (len(counts) * count) for label, count in counts.items()}


def undersample(rows: Sequence[FileRow], most: int, *, better: Mapping[str, int], seed: int) -> list[FileRow]:
    """Leave out the training images beyond ``most`` per class, each with the reason.

    A class first loses further images of a group (copies of a photo, images of one object), the worse copies before the better
    ones, then images drawn by ``sha256(seed, group)``. Rows of other parts stay.

    Args:
        rows: with parts and groups.
        most: maximum number of training images per class.
        better: by path, the rank of a copy among its copies, 0 for the best; others are ordered by name.
        seed: of the drawing.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        if row.is_used and row.part == "train" and row.label is not None:
            groups[(row.label, row.group or row.path)].append(number)
    order: dict[str, list[tuple[int, bytes, int]]] = defaultdict(list)
    for (label, group), members in groups.items():
        drawn = hashlib.sha256(f"{seed}:{group}".encode("utf-8", "surrogateescape")).digest()
        ranked = sorted(members, key=lambda number: (better.get(rows[number].path, 0), rows[number].path))
        order[label] += [(place, drawn, number) for place, number in enumerate(ranked)]
    dropped = {number: place for ranked in order.values() for place, _, number in sorted(ranked)[most:]}
    reasons = ("left out to balance the classes", "left out to balance the classes: another of its group is kept")
    return [row.left_out(reasons[dropped[i] > 0]) if i in dropped else row for i, row in enumerate(rows)]
