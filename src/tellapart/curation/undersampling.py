"""Which training images to keep so that classes are less unequal: as different ones as possible, otherwise drawn.

Not the sharpest or largest ones: where only the frequent classes are sifted, quality would tell the classes apart.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tellapart.dataset.file_rows import FileRow


def training_counts(rows: Sequence[FileRow]) -> dict[str, int]:
    """Number of used training images of each class, by name."""
    counts = Counter(row.label for row in rows if row.is_used and row.part in ("train", None) and row.label is not None)
    return {str(label): count for label, count in sorted(counts.items(), key=lambda item: str(item[0]))}


def class_weight(counts: Mapping[str, int]) -> dict[str, float]:
    """What each image of a class would weigh for all classes to weigh the same; 1 on average over images."""
    total = sum(counts.values())
    return {label: total / (len(counts) * count) for label, count in counts.items()}


def undersample(rows: Sequence[FileRow], most: int, *, better: Mapping[str, int], seed: int) -> list[FileRow]:
    """The rows with training images beyond ``most`` of their class left out, each with the reason.

    A class first loses further images of a group (copies of a photo, images of one thing), the worse copies before
    the better, then images drawn by ``sha256(seed, group)``. Rows of other parts stay.

    Args:
        rows: with parts and groups.
        most: training images to keep of each class at most.
        better: by path, the place of a copy among its copies, 0 for the best; others are taken in the order of their names.
        seed: another seed keeps others.
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
    dropped = {number: place for found in order.values() for place, _, number in sorted(found)[most:]}
    reasons = ("left out to balance the classes", "left out to balance the classes: another of its group is kept")
    return [row.left_out(reasons[dropped[i] > 0]) if i in dropped else row for i, row in enumerate(rows)]
