"""What ``tellapart similar`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.output.tables import left_out_lines
from tellapart.cli.terminal import Answer, Styled
from tellapart.counts import count


def similar_output(found: dict[str, Any]) -> Answer:
    """A line a similar image, the most similar first; for all, how often the most similar one has the same label."""
    lines = first_lines([f"{one['cosine']:.3f}  {one['path']}" for one in found["similar"]])
    if found["image"] is None:
        lines.append(f"{count(found['images'], 'image')} by {found['features']}")
        if found["same_label"] is not None:
            lines.append(f"the most similar image has the same label in {100 * found['same_label']:.1f} % of them")
    return [*lines, *left_out_lines(found["left_out"]), Styled(shown(Path(found["out"])), bold=True)], found
