"""What map and explore say: where the page lies, how far to trust its map, and what the clusters are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.cli.intervals import share
from tellapart.cli.listing import first_lines, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count


def of_map(found: dict[str, Any]) -> Answer:
    """What was placed how, how far to trust it, and where it lies."""
    lines: list[Line] = [
        f"{count(found['images'], 'image')} placed by {found['method']} ({found['software']})",
        *_trusted(found["trust"]),
    ]
    lines += [f"table: {shown(Path(found['table']))}", Styled(shown(Path(found["out"])), before="map:   ", bold=True)]
    return lines, found


def of_explore(found: dict[str, Any]) -> Answer:
    """The clusters, what they follow, how far to trust the map, and where the page lies."""
    lines = [found["clusters"]["sentence"], *first_lines([f"  {line}" for line in found["clusters"]["lines"]])]
    lines += [found[key] for key in ("choice", "encoding") if found[key]]
    lines += [f"map by {found['map']} ({found['software']})", *_trusted(found["trust"])]
    lines.append(Styled(shown(Path(found["out"])), before="page: ", bold=True))
    return lines, found


def _trusted(trust: dict[str, Any]) -> list[str]:
    """How far to trust a map, in one or two lines."""
    lines = []
    if trust["neighbors_kept"] is not None:
        lines.append(f"  of an image's {trust['k']} nearest, {100 * trust['neighbors_kept']:.0f} % are among its nearest on the map")
    if trust["knn_2d"] and trust["knn_full"]:
        lines.append(f"  class by the nearest: on the map {share(trust['knn_2d'])}, in the whole space {share(trust['knn_full'])}")
    return lines
