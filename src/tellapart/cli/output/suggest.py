"""What ``tellapart suggest`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.output.tables import percent_or_blank
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.suggest import SuggestedImage, SuggestResult


def suggest_output(result: SuggestResult) -> Answer:
    """One line per image, the most urgent first; where to label them."""
    lines: list[Line] = [f"{count(len(result.images), 'image')} to label, of {count(result.candidates, 'image')} to choose from"]
    lines += first_lines([_line(image) for image in result.images])
    lines.append("label them on the page, then: tellapart decisions FOLDER --apply decisions.jsonl")
    return [*lines, f"table: {shown(result.table)}", Styled(shown(result.page), before="page:  ", bold=True)], result.as_dict()


def _line(image: SuggestedImage) -> str:
    predicted = f"{image.predicted} {percent_or_blank(image.probability)}?" if image.predicted else ""
    label = f"  (labeled {image.label})" if image.label else ""
    return f"  {predicted:<28}{image.path}{label}" if predicted else f"  {image.path}{label}"
