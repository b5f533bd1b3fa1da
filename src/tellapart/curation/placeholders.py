"""Placeholders: "image not available" and the like, which sites return again and again for different requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tellapart.curation.duplicate_groups import BOUNDARY, DuplicateGroup
from tellapart.dataset.catalog import ImageFacts

LEAST_FILES, LEAST_NAMES = 3, 3
GRAPHIC_BITS = 5.5
"""Entropy below which an image is a graphic: fewer than one in twenty photos, but nearly all signs and logos are below it."""


def placeholder_groups(groups: Iterable[DuplicateGroup], facts: Mapping[str, ImageFacts], names: Mapping[str, str]) -> list[DuplicateGroup]:
    """The groups of duplicates that are placeholders.

    An image is a placeholder if it occurs in at least three files and is a plain graphic or occurs under at least three names.

    Args:
        groups: exact and near-duplicates.
        facts: image facts by image id.
        names: by path, the search keyword or class of each file.
    """
    return [group for group in groups if group.kind != BOUNDARY and _is_placeholder(group, facts, names)]


def _is_placeholder(group: DuplicateGroup, facts: Mapping[str, ImageFacts], names: Mapping[str, str]) -> bool:
    if len(group.paths) < LEAST_FILES:
        return False
    different = {names[path] for path in group.paths if path in names}
    return len(different) >= LEAST_NAMES or _is_graphic([facts[image_id] for image_id in group.image_ids])


def _is_graphic(seen: Sequence[ImageFacts]) -> bool:
    """Whether most of the copies are graphics rather than photos."""
    return 2 * sum(one.entropy < GRAPHIC_BITS for one in seen) > len(seen)
