"""Groups: images that must stay on one side of every split, because they show the same or belong together."""

from __future__ import annotations

from collections.abc import Iterable


def joining_pairs(groups: Iterable[str | None], names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs that join names of one group, each with the first of them; None joins nothing."""
    first: dict[str, str] = {}
    return [(first.setdefault(group, name), name) for group, name in zip(groups, names, strict=True) if group is not None]


def connected_groups(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of each name: names joined by pairs, directly or through others, share the smallest of them."""
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
