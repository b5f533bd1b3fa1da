"""tellapart restore: have images as the folder has them again."""

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

EXAMPLE = "tellapart restore photos cats/12.jpg"


@dataclass(frozen=True, kw_only=True)
class RestoreOptions(DatasetOptions):
    """How to restore."""

    why: str = option("", "The reason, kept with the decision.")
    state: Path | None = option(None, "Folder of the decisions; by default .tellapart in the photo folder.", metavar="DIR")


def restore(folder: str | Path, files: str | Path | Sequence[str | Path], *, progress: Progress = AUTO, **options: Any) -> dict[str, Any]:
    """Let images count again, under the label the folder gives them, whatever was decided before.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        files: paths as the report shows them, or from here; a folder means all in it.
        progress: hears how far it is.
        **options: the fields of :class:`RestoreOptions`.

    Returns:
        ``batch``, ``changed``, ``unchanged``, ``left``, ``log``, ``notes``; see :func:`tellapart.workflows.decision_writing.decide`.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    chosen = RestoreOptions.of(**options)
    from tellapart.workflows.decision_writing import decide

    return decide(folder, files, _restoration, reading=chosen, state=chosen.state, why=chosen.why, progress=progress)


def _restoration(row: FileRow, looked: AnalyzedFolder) -> ProposedDecision:
    from tellapart.dataset.decisions import RESTORE
    from tellapart.workflows.decision_writing import ProposedDecision, decision_about

    found = looked.found[row.path]
    is_decided = row.is_excluded or row.label != found.label
    return ProposedDecision(row, decision_about(row, looked, RESTORE, found.label) if is_decided else None)
