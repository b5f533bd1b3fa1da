"""What the verbs that decide share: which rows are meant by the names given, and one batch of decisions about them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.analyzed_folder import AnalyzedFolder, analyze_folder
from tellapart.dataset.decisions import RELABEL, Decision, append_decisions
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.options import DatasetOptions
from tellapart.errors import DataError, closest_name
from tellapart.feature_extraction import FeatureSpec
from tellapart.printable import printable
from tellapart.progress import Progress

NAMED = 3


@dataclass(frozen=True, eq=False)
class ProposedDecision:
    """One row as it was decided until now, and the decision about it; None where nothing would change."""

    row: FileRow
    decision: Decision | None


def decide(
    folder: str | Path,
    files: str | Path | Sequence[str | Path],
    change: Callable[[FileRow, AnalyzedFolder], ProposedDecision],
    *,
    reading: DatasetOptions,
    state: Path | None,
    why: str,
    progress: Progress,
) -> dict[str, Any]:
    """Decide on the named files as one batch, and say what changed.

    Args:
        folder: the data set.
        files: paths as the reports show them, or as they are found from here; a folder means all files in it.
        change: what to decide of a row.
        reading: how folders and tables are read.
        state: where decisions lie; None for the usual place.
        why: the reason of all.
        progress: hears of every image that is looked at for the first time.

    Returns:
        ``batch`` (None where nothing changed), ``changed`` (path, action, old, new), ``unchanged`` (paths), ``left`` (usable images a
        class), ``log`` (file of the decisions), ``notes``.

    Raises:
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    looked = analyze_folder(folder, FeatureSpec(()), reading=reading, state=state, progress=progress)
    changes = [change(row, looked) for row in named_rows(looked, [files] if isinstance(files, str | Path) else files)]
    return {**write_changes(looked, [one.decision for one in changes if one.decision], why), "unchanged": unchanged(changes)}


def write_changes(looked: AnalyzedFolder, decisions: Sequence[Decision], why: str) -> dict[str, Any]:
    """Write decisions as one batch; what :func:`decide` returns, without ``unchanged``."""
    log = append_decisions(looked.state, decisions, why=why)
    before = Counter(row.label for row in looked.rows if row.is_used and row.label is not None)
    left = Counter(row.label for row in looked.decided_by(log) if row.is_used and row.label is not None)
    notes = [f"{label!r} has no image left" for label in sorted(before.keys() - left.keys())]
    return {
        "batch": log.log[-1].batch if decisions else None,
        "changed": [{"path": one.path, "action": one.action, "old": one.old, "new": one.new} for one in decisions],
        "left": dict(sorted(left.items())),
        "log": str(log.file),
        "notes": notes,
    }


def unchanged(changes: Sequence[ProposedDecision]) -> list[str]:
    """Paths of the rows that were already as wanted."""
    return [one.row.path for one in changes if one.decision is None]


def decision_about(row: FileRow, looked: AnalyzedFolder, action: str, new: str | None = None) -> Decision:
    """A decision about one row; an exclusion where copies of the file stand elsewhere holds for this file alone."""
    has_copies = row.image_id is not None and looked.copies[row.image_id] > 1
    return Decision(action, row.path, row.image_id, is_of_file=has_copies and action != RELABEL, old=row.label, new=new)


def named_rows(looked: AnalyzedFolder, files: Sequence[str | Path]) -> list[FileRow]:
    """The rows of the named files, in the order of the data set, each once.

    Raises:
        DataError: no file was named, or a name fits none; it says which, and the closest.
    """
    if not files:
        raise DataError("no file was named", hint="name files as the report shows them: cats/12.jpg")
    by_path = {row.path: number for number, row in enumerate(looked.rows)}
    meant: set[int] = set()
    missing = []
    for file in files:
        found = _meant(looked, by_path, str(file))
        meant.update(found)
        missing += [] if found else [str(file)]
    if missing:
        rest = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
        raise DataError(
            f"there is no image {', '.join(repr(name) for name in missing[:NAMED])}{rest} in {printable(str(looked.dataset.root))}",
            hint=closest_name(printable(missing[0]), by_path) or "name files as the report shows them: cats/12.jpg",
        )
    return [looked.rows[number] for number in sorted(meant)]


def _meant(looked: AnalyzedFolder, by_path: dict[str, int], name: str) -> list[int]:
    """Numbers of the rows a name means: a path in the data set, a path from here, or a folder of either kind."""
    root = looked.dataset.root
    from_here = os.path.relpath(Path(name).expanduser().absolute(), root)
    for path in dict.fromkeys((printable(name), printable(from_here), printable(str(Path(name).absolute())), name)):
        if path in by_path:
            return [by_path[path]]
    for path in (name, from_here):
        inside = printable(os.path.normpath(path).replace(os.sep, "/")) + "/"
        found = [number for known, number in by_path.items() if known.startswith(inside)]
        if found and (root / path).is_dir():
            return found
    return []
