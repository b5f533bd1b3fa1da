"""tellapart exclude: leave images out from now on; the files stay where they are."""

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

EXAMPLE = 'tellapart exclude photos cats/12.jpg cats/40.jpg --why "no cat to be seen"'


@dataclass(frozen=True, kw_only=True)
class ExcludeOptions(DatasetOptions):
    """How to exclude."""

    why: str = option("", "The reason, kept with the decision.")
    state: Path | None = option(None, "Folder of the decisions; by default .tellapart in the photo folder.", metavar="DIR")


def exclude(folder: str | Path, files: str | Path | Sequence[str | Path], *, progress: Progress = AUTO, **options: Any) -> dict[str, Any]:
    """Leave images out of everything from now on. No file is touched, and it can be undone.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        files: paths as the report shows them, or from here; a folder means all in it.
        progress: hears how far it is.
        **options: the fields of :class:`ExcludeOptions`.

    Returns:
        ``batch``, ``changed``, ``unchanged``, ``left``, ``log``, ``notes``; see :func:`tellapart.workflows.decision_writing.decide`.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    chosen = ExcludeOptions.of(**options)
    from tellapart.workflows.decision_writing import decide

    return decide(folder, files, _exclusion, reading=chosen, state=chosen.state, why=chosen.why, progress=progress)


def _exclusion(row: FileRow, looked: AnalyzedFolder) -> ProposedDecision:
    from tellapart.dataset.decisions import EXCLUDE
    from tellapart.workflows.decision_writing import ProposedDecision, decision_about

    return ProposedDecision(row, None if row.is_excluded else decision_about(row, looked, EXCLUDE))
