"""Placeholders: "image not available" and other stand-ins, which come again and again whatever was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tellapart.curation.duplicate_groups import BOUNDARY, DuplicateGroup
from tellapart.dataset.catalog import ImageFacts

LEAST_FILES, LEAST_NAMES = 3, 3
GRAPHIC_BITS = 5.5
"""Of photos of animals, people and clothes fewer than one in twenty have less entropy; drawn signs and logos have it nearly always."""


def placeholder_groups(groups: Iterable[DuplicateGroup], facts: Mapping[str, ImageFacts], names: Mapping[str, str]) -> list[DuplicateGroup]:
    """Those groups of copies that are a placeholder.

    An image is one if it came in at least three files, and is a plain graphic or came under at least three names.

    Args:
        groups: exact and near-duplicates.
        facts: of the images.
        names: what was asked for when each file came, by path: keyword or class.
    """
    return [group for group in groups if group.kind != BOUNDARY and _is_placeholder(group, facts, names)]


def _is_placeholder(group: DuplicateGroup, facts: Mapping[str, ImageFacts], names: Mapping[str, str]) -> bool:
    if len(group.paths) < LEAST_FILES:
        return False
    different = {names[path] for path in group.paths if path in names}
    return len(different) >= LEAST_NAMES or _is_graphic([facts[image_id] for image_id in group.image_ids])


def _is_graphic(seen: Sequence[ImageFacts]) -> bool:
    """Whether most of the copies are drawn rather than photographed."""
    return 2 * sum(one.entropy < GRAPHIC_BITS for one in seen) > len(seen)
