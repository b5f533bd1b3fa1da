"""tellapart relabel: give images another label; the files stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option
from tellapart.progress import AUTO, Progress

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow
    from tellapart.workflows.decision_writing import ProposedDecision

EXAMPLE = "tellapart relabel photos cats/12.jpg --to dogs"


@dataclass(frozen=True, kw_only=True)
class RelabelOptions(DatasetOptions):
    """How to relabel."""

    to: str | None = option(None, "The label from now on.", metavar="LABEL")
    new: bool = option(False, "The label may be one that no image has yet.")
    why: str = option("", "The reason, kept with the decision.")
    state: Path | None = option(None, "Folder of the decisions; by default .tellapart in the photo folder.", metavar="DIR")


def relabel(folder: str | Path, files: str | Path | Sequence[str | Path], *, progress: Progress = AUTO, **options: Any) -> dict[str, Any]:
    """Give images another label from now on. No file is moved, and it can be undone.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        files: paths as the report shows them, or from here; a folder means all in it.
        progress: hears how far it is.
        **options: the fields of :class:`RelabelOptions`.

    Returns:
        ``batch``, ``changed``, ``unchanged``, ``left``, ``log``, ``notes``; see :func:`tellapart.workflows.decision_writing.decide`.

    Raises:
        OptionError: an option's name or value is wrong, no label was given, or no image has that label and ``new`` is not set.
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    chosen = RelabelOptions.of(**options)
    from tellapart.dataset.decisions import RELABEL
    from tellapart.errors import OptionError, closest_name
    from tellapart.workflows.decision_writing import ProposedDecision, decide, decision_about

    label = (chosen.to or "").strip()
    if not label:
        raise OptionError("there is no label to give", hint="say which with --to LABEL")

    def relabeling(row: FileRow, looked: AnalyzedFolder) -> ProposedDecision:
        known = {other.label for other in looked.rows if other.label is not None}
        if label not in known and not chosen.new:
            close = closest_name(label, sorted(known))
            raise OptionError(
                f"no image has the label {label!r}; the labels are {', '.join(sorted(known)) or 'none'}",
                hint=close or "to begin a new class add --new",
            )
        is_so = row.label == label and not row.is_excluded
        return ProposedDecision(row, None if is_so else decision_about(row, looked, RELABEL, label))

    return decide(folder, files, relabeling, reading=chosen, state=chosen.state, why=chosen.why, progress=progress)
