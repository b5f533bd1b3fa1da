"""Groups: images that must stay on one side of every split, because they show the same object or belong together."""

from __future__ import annotations

from collections.abc import Iterable


def joining_pairs(groups: Iterable[str | None], names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs that connect the names of each group with its first name; names with the group None stay alone."""
    first: dict[str, str] = {}
    return [(first.setdefault(group, name), name) for group, name in zip(groups, names, strict=True) if group is not None]


def connected_groups(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Connected components: the group of each name is the smallest name that pairs connect it with."""
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    return {name: root(name) for name in parent}
