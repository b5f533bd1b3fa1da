from __future__ import annotations

import pytest

from tellapart.curation.duplicate_groups import DuplicateGroup
from tellapart.curation.placeholders import GRAPHIC_BITS, placeholder_groups
from tellapart.dataset.catalog import ImageFacts


def group(kind: str, *paths: str) -> DuplicateGroup:
    return DuplicateGroup(kind, ("id",), paths, paths[0], "", 1.0)


def facts(entropy: float) -> dict[str, ImageFacts]:
    return {"id": ImageFacts("id", 200, 200, "PNG", b"", b"", 0, 0, 0, 0, 0, 0, 0, 0, entropy, 0, 0)}


@pytest.mark.parametrize(
    ("paths", "entropy", "is_placeholder"),
    [
        (("a/1", "b/1", "c/1"), 7.0, True),
        (("a/1", "b/1", "b/2"), 7.0, False),
        (("a/1", "a/2", "a/3"), 7.0, False),
        (("a/1", "a/2", "a/3"), GRAPHIC_BITS - 1, True),
        (("a/1", "b/1"), 1.0, False),
    ],
)
def test_a_stand_in_came_often_and_is_drawn_or_came_for_many_names(paths: tuple[str, ...], entropy: float, is_placeholder: bool) -> None:
    names = {path: path.split("/")[0] for path in paths}
    found = placeholder_groups([group("near", *paths)], facts(entropy), names)
    assert bool(found) == is_placeholder


def test_pairs_at_the_boundary_are_no_placeholders() -> None:
    assert placeholder_groups([group("boundary", "a/1", "b/1", "c/1")], facts(1.0), {"a/1": "a", "b/1": "b", "c/1": "c"}) == []
