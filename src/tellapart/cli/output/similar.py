"""What ``tellapart similar`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.output.tables import left_out_lines
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.similar import SimilarResult


def similar_output(result: SimilarResult) -> Answer:
    """One line per similar image, the most similar first; for all, how often the most similar one has the same label."""
    lines: list[Line] = [*first_lines([f"{one.cosine:.3f}  {one.path}" for one in result.similar])]
    if result.image is None:
        lines.append(f"{count(result.images, 'image')} by {result.features}")
        if result.same_label is not None:
            lines.append(f"the most similar image has the same label in {100 * result.same_label:.1f} % of them")
    return [*lines, *left_out_lines(result.left_out), Styled(shown(result.out), bold=True)], result.as_dict()
