"""What ``tellapart explain`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.terminal import Answer, Styled

if TYPE_CHECKING:
    from tellapart.commands.explain import ExplainResult
from tellapart.cli.output.tables import percent_or_blank


def explain_output(result: ExplainResult) -> Answer:
    """The explained class of each image, the files that cannot be read, and the file written."""
    lines = first_lines([f"{image.class_:<20} {percent_or_blank(image.probability):>7}  {image.path}" for image in result.images])
    lines += first_lines([f"  {path}  ({reason})" for path, reason in result.unreadable.items()])
    return [*lines, Styled(shown(result.out), bold=True)], result.as_dict()
