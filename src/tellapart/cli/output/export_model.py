"""What ``tellapart export-model`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import first_lines, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count, data_size

if TYPE_CHECKING:
    from tellapart.commands.export_model import ExportModelResult
    from tellapart.model_export.parity import Difference, ExportScore


def export_model_output(result: ExportModelResult) -> Answer:
    """The three comparisons, the scores, the files, and where they are."""
    parity = result.parity
    lines: list[Line] = ["probabilities, exported against the run            median    largest   labels changed"]
    lines += _difference("same pixels, float32", parity.same_pixels)
    if parity.rounding:
        lines.append(f"    there the run's own float32 is up to {parity.rounding:.1e} from float64")
    if parity.other_decoder:
        lines += _difference("same file, decoded by Pillow", parity.other_decoder)
    if parity.as_shipped:
        lines += _difference("as the run reports", parity.as_shipped)
    if parity.familiarity is not None:
        lines.append(f"familiarity, same pixels: off by at most {parity.familiarity:.1e}")
    if parity.score:
        lines += _score(parity.score)
    lines += result.notes
    lines += [f"  {name}  {data_size(size)}" for name, size in result.files.items()]
    return [*lines, Styled(shown(result.out), bold=True)], result.as_dict()


def _difference(words: str, difference: Difference) -> list[Line]:
    what = f"{words}, {count(difference.n, 'image')}"
    lines: list[Line] = [f"  {what:<46}{difference.median:>9.1e}  {difference.largest:>9.1e}   {len(difference.changed):,}"]
    return lines + [f"    {path}" for path in first_lines(list(difference.changed))]


def _score(score: ExportScore) -> list[Line]:
    images = count(score.n, f"{score.part} image") + (f" of {score.of:,}" if score.of != score.n else "")
    return [
        f"exported, on {images}: accuracy {score.accuracy.percent()}, log loss {score.log_loss}",
        f"  minus the run's: accuracy {score.accuracy_difference.points()}, log loss {score.log_loss_difference}",
    ]
