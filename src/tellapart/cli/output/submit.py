"""What ``tellapart submit`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import first_lines, number, several, share, shown
from tellapart.cli.terminal import Answer, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.submit import Submission
from tellapart.cli.output.tables import percent_or_blank


def submit_output(submission: Submission) -> Answer:
    """What was written, the clip, the expected score, and the files that cannot be read or have no id."""
    columns = [f"{column} = {'predicted class' if name is None else f'p({name})'}" for column, name in submission.columns.items()]
    own = "the run's own, fitted out of fold" if submission.clip_source == "run" else f"--clip; the run's own is {submission.run_clip:.3g}"
    lines = [
        f"{count(submission.rows, 'row')}, {submission.id_column} = {submission.matched_by}, {several(columns)}",
        f"clip {submission.clip:.3g} ({own})",
    ]
    if submission.expected_log_loss:
        lines.append(f"expected log loss {number(submission.expected_log_loss)}, as on the test images of the run")
    elif submission.expected_accuracy:
        lines.append(f"expected accuracy {share(submission.expected_accuracy)}, as on the test images of the run")
    if submission.views > 1:
        lines.append(f"averaged over {count(submission.views, 'view')} of each image; the run was evaluated with one")
    if submission.unreadable:
        shares = several([f"{name} {percent_or_blank(part)}" for name, part in submission.shares.items()])
        lines.append(
            f"{len(submission.unreadable):,} of {count(submission.rows, 'image')} could not be read;"
            f" their rows hold the training images' class shares ({shares}):"
        )
        lines += first_lines([f"  {name}  ({reason})" for name, reason in submission.unreadable.items()])
    if unused := submission.unused:
        lines.append(
            f"{len(unused):,} of {count(submission.rows + len(unused), 'image has', 'images have')} no id in the sample and were left out:"
        )
        lines += first_lines([f"  {path}" for path in unused])
    return [*lines, Styled(shown(submission.path), bold=True)], submission.as_dict()
