"""Contact sheet of a cluster: its most and least typical images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from PIL import Image

from tellapart.reports.contact_sheet import Tile, contact_sheet
from tellapart.reports.figures.svg import clean, theme_css

SHOWN_CLASSES = 4
STYLE = """
body{margin:2rem auto;max-width:82rem;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 0}p{color:var(--muted);margin:.2rem 0 .8rem}
img{max-width:100%;border-radius:.6rem}
"""


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


def cluster_index(title: str, clusters: Sequence[tuple[str, str, str]]) -> str:
    """One page of all contact sheets, which lie beside it.

    Args:
        title: what was clustered.
        clusters: of each its heading, what is in it, and the file of its sheet.
    """
    articles = "".join(
        f'<section><h2>{clean(heading)}</h2><p>{clean(words)}</p><img src="{quote(sheet)}" alt="{clean(heading)}" loading="lazy"></section>'
        for heading, words, sheet in clusters
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><title>{clean(title)}</title><style>{theme_css()}{STYLE}</style></head>'
        f"<body><h1>{clean(title)}</h1><p>The number under an image is its distance to the center of the cluster: the medoid comes first, "
        f"then the images nearest to it, then those farthest from it.</p>{articles}</body></html>\n"
    )


def class_mix(classes: Mapping[str, int]) -> str:
    """The labels of a cluster in words: ``cats 96, dogs 4``; empty without labels."""
    parts = [f"{label} {count:,}" for label, count in list(classes.items())[:SHOWN_CLASSES]]
    rest = len(classes) - SHOWN_CLASSES
    return ", ".join(parts) + (f" and {rest:,} more" if rest > 0 else "")
