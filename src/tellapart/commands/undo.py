"""tellapart undo: take back the last decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option
from tellapart.progress import AUTO, Progress

EXAMPLE = "tellapart undo photos"


@dataclass(frozen=True, kw_only=True)
class UndoOptions(DatasetOptions):
    """What to undo."""

    batch: int | None = option(None, "Number of the batch to take back, also one of undoing; by default the last that holds.", minimum=1)
    state: Path | None = option(None, "Folder of the decisions; by default .tellapart in the photo folder.", metavar="DIR")


def undo(folder: str | Path, *, progress: Progress = AUTO, **options: Any) -> dict[str, Any]:
    """Take back all that one command decided: the last one, or the batch of a number. Undoing can be undone.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        **options: the fields of :class:`UndoOptions`.

    Returns:
        ``undone`` (number of the batch), ``decisions`` (those taken back), ``batch`` (number of the undoing), ``log``.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: there is nothing to undo, no such batch, or it is undone already.
        StorageError: the decisions cannot be read or written.
    """
    chosen = UndoOptions.of(**options)
    from dataclasses import asdict

    from tellapart.dataset import open_dataset
    from tellapart.dataset.catalog import state_folder
    from tellapart.dataset.decisions import undo as taken_back

    state, _ = state_folder(open_dataset(folder, chosen, progress=progress).root, chosen.state)
    log, batch = taken_back(state, chosen.batch)
    return {
        "undone": batch,
        "decisions": [asdict(one) for one in log.log if one.batch == batch],
        "batch": log.log[-1].batch,
        "log": str(log.file),
    }
