"""What ``tellapart explore`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.output.tables import trust_lines
from tellapart.cli.terminal import Answer, Styled
from tellapart.counts import count


def explore_output(found: dict[str, Any]) -> Answer:
    """The clusters, what they follow, how far to trust the map, and where the page lies."""
    if "clusters" not in found:
        return _map_alone(found)
    lines = [found["clusters"]["sentence"], *first_lines([f"  {line}" for line in found["clusters"]["lines"]])]
    lines += [found[key] for key in ("choice", "encoding") if found[key]]
    lines += [f"map by {found['map']} ({found['software']})", *trust_lines(found["trust"])]
    lines.append(Styled(shown(Path(found["out"])), before="page: ", bold=True))
    return lines, found


def _map_alone(found: dict[str, Any]) -> Answer:
    lines = [f"{count(found['images'], 'image')} placed by {found['map']} ({found['software']})", *trust_lines(found["trust"])]
    return [*lines, f"table: {shown(Path(found['table']))}", Styled(shown(Path(found["out"])), before="map:   ", bold=True)], found
