"""Groups: images that must stay on one side of every split, because they show the same object or belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def groups_together(image_ids: Iterable[str], pairs: Iterable[tuple[str, str]], *groupings: Sequence[str | None]) -> dict[str, str]:
    """The group of each image: connected components of near-duplicates and of groups that images share.

    This is the one place that decides what stays together; splits, folds, intervals and evaluation all ask it.

    Args:
        image_ids: one per row; an image may come several times.
        pairs: image ids of near-duplicates; pairs with an image that is not among ``image_ids`` are ignored.
        groupings: each a group name per row, None for a row without one: rows with one name stay together.

    Returns:
        By image id, the smallest id of its group.
    """
    rows = list(image_ids)
    parent = {image_id: image_id for image_id in rows}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    joined = [pair for grouping in groupings for pair in _joining_pairs(grouping, rows)]
    for first, second in (*pairs, *joined):
        if first in parent and second in parent:
            low, high = sorted((root(first), root(second)))
            parent[high] = low
    return {image_id: root(image_id) for image_id in parent}


def _joining_pairs(grouping: Sequence[str | None], image_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs that connect the images of each group with its first one."""
    first: dict[str, str] = {}
    return [(first.setdefault(group, name), name) for group, name in zip(grouping, image_ids, strict=True) if group is not None]
