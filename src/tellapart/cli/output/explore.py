"""What ``tellapart explore`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.output.tables import trust_lines
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.explore import ExploreResult


def explore_output(result: ExploreResult) -> Answer:
    """The clusters, what they follow, how far to trust the map, and where the page is."""
    lines: list[Line] = []
    if result.clusters is None:
        lines.append(f"{count(result.images, 'image')} placed by {result.map} ({result.software})")
    else:
        lines += [result.clusters.sentence, *first_lines([f"  {line}" for line in result.clusters.lines])]
        lines += [sentence for sentence in (result.choice, result.encoding) if sentence]
        lines.append(f"map by {result.map} ({result.software})")
    lines += trust_lines(result.trust)
    if result.table:
        lines.append(f"table: {shown(result.table)}")
    return [*lines, Styled(shown(result.out), before="map:   " if result.table else "page: ", bold=True)], result.as_dict()
