"""Contact sheet of a cluster: its most and least typical images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from tellapart.reports.contact_sheet import Tile, contact_sheet

SHOWN_CLASSES = 4


@dataclass(frozen=True, eq=False)
class ClusterImage:
    """One image of a sheet: JPEG bytes or None, what it is called, its distance to the center, and its place in the cluster."""

    jpeg: bytes | None
    path: str
    distance: float
    place: str = ""


def cluster_sheet(
    title: str, images: Sequence[ClusterImage], *, words: Sequence[str] = (), classes: Mapping[str, int] | None = None, columns: int = 8
) -> Image.Image:
    """The sheet as an RGB image.

    Args:
        title: what the cluster is called, and how many images it has.
        images: in the order to show them; ``place`` stands under them (``medoid``, ``farthest``).
        words: what the images look like.
        classes: how many of each label, the most frequent first.
        columns: images in a row.
    """
    tiles = [Tile(one.jpeg, f"{one.path.rpartition('/')[2]}\n{one.place or 'near'}, {one.distance:.2f}") for one in images]
    known = [title, ", ".join(words), class_mix(classes or {})]
    return contact_sheet(tiles, columns=columns, title="   ".join(part for part in known if part))


def class_mix(classes: Mapping[str, int]) -> str:
    """The labels of a cluster in words: ``cats 96, dogs 4``; empty without labels."""
    parts = [f"{label} {count:,}" for label, count in list(classes.items())[:SHOWN_CLASSES]]
    rest = len(classes) - SHOWN_CLASSES
    return ", ".join(parts) + (f" and {rest:,} more" if rest > 0 else "")
